/** A worker in a page: digests of every op and of the golden jobs, with the threads asked for. */
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { closeBoard } from '../../kernels/threads.ts'
import { GOLDEN_JOBS, jobDigest, type Room } from '../engines/golden-jobs.ts'
import { wasm } from '../kernels/harness.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { CASES_BY_OP, opDigest } from '../kernels/op-digest.ts'
import type { HelperData } from './helper-worker.ts'

export interface DigestsRequest {
  ops: boolean
  /** Names of golden jobs. */
  jobs: string[]
  threads: number
}

async function digestsOf({ ops, jobs, threads }: DigestsRequest): Promise<Record<string, string>> {
  const digests = new Map<string, string>()
  if (ops) for (const [op, cases] of CASES_BY_OP) digests.set(op, opDigest(wasm, cases))
  const weights = new Uint8Array(await (await fetch('/model.safetensors')).arrayBuffer())
  for (const job of GOLDEN_JOBS.filter(({ name }) => jobs.includes(name))) {
    const memory = newSharedMemory(64)
    const machine = { ops: createWasmOps(kernelModule, memory), arena: createArena(memory) }
    const help = helpers(memory, threads)
    digests.set(job.name, jobDigest(job, { ...machine, weights, threads, help }))
  }
  return Object.fromEntries(digests)
}

function helpers(memory: WebAssembly.Memory, threads: number): Room['help'] {
  return ({ job, place, board }) => {
    for (let thread = 1; thread < threads; thread++) {
      const worker = new Worker('/helper-worker.js', { type: 'module' })
      const data: HelperData = { module: kernelModule, memory, job, place, board, thread }
      worker.postMessage(data)
    }
    return () => closeBoard(board)
  }
}

addEventListener('message', async ({ data }: MessageEvent<DigestsRequest>) => {
  postMessage(await digestsOf(data))
})
// A message that comes while the kernels are fetched would find nobody listening.
postMessage('ready')
