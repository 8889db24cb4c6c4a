/**
 * Runs the golden jobs on the Node that runs it, and prints their digests as one JSON object.
 *
 *   node --import tsx test/engines/digests.ts WIDTH THREADS [JOB ...]
 *
 * WIDTH is `128`, or `wide` for V8's paired vectors where it has them.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { GOLDEN_JOBS, jobDigest } from './golden-jobs.ts'

const EMBEDDED = new URL('../../node/model/embedded/model.safetensors', import.meta.url)

const [width, threadCount, ...names] = process.argv.slice(2)
const threads = Number(threadCount)
if (width === 'wide') setFlagsFromString('--experimental-wasm-revectorize')
const tiles = width === 'wide' ? ({ float32: '4x16', int16: '4x16' } as const) : FAIR_TILES

const module = new WebAssembly.Module(readFileSync(KERNELS))
const weights = readFileSync(EMBEDDED)

function digestOf(golden: (typeof GOLDEN_JOBS)[number]): string {
  const memory = newSharedMemory(64)
  const ops = createWasmOps(module, memory, { tiles })
  return jobDigest(golden, {
    ops,
    arena: createArena(memory),
    weights,
    threads,
    help: (work) => {
      const pool = startThreads({ ...work, feed: null, module, memory, tiles })
      return () => void pool.close()
    },
  })
}

const jobs = GOLDEN_JOBS.filter(({ name }) => names.length === 0 || names.includes(name))
const digests = jobs.map((golden) => [golden.name, digestOf(golden)])
process.stdout.write(`${JSON.stringify(Object.fromEntries(digests))}\n`)
