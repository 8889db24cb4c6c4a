/**
 * What a merge costs a coordinator: payloads of the simulator's default model, all different, in a
 * run folder's blob store; measured as they come, then merged:
 * `npm run bench:merge -- [PAYLOADS] [CROWD]`
 *
 * It is these figures that simulations/run-settings.ts pretends to.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { encode } from '../../kernels/compress.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { momentBytes } from '../../kernels/moments.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { startCompute } from '../../node/compute/start-compute.ts'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import { measurePayload, mergeRound } from '../../node/run/merge-round.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import { DEFAULT_RUN as config } from '../../simulations/run-settings.ts'

const count = Number(process.argv[2] ?? 512)
/** Contributions of an hour of a thousand volunteers; the payloads repeat. */
const CROWD = Number(process.argv[3] ?? 20_000)
const folder = await mkdtemp(join(tmpdir(), 'barnraise-merge-'))
const blobs = await createFileBlobStore(folder)
const compute = startCompute()
const world = { config, runId: runIdOf(config), blobs, compute, measured: new Map() }
const layout = adapterLayout(config.base.shape, config.adapter)

const job = {
  round: 0,
  attempt: 1,
  base: 'b',
  parent: null,
  outerState: null,
  learningRate: 1e-3,
  outerScale: 1,
  merge: 'mean' as const,
  corrections: [],
  contributions: await payloads(),
}
console.log(`${count} payloads of ${job.contributions[0]!.payload.bytes} bytes`)
const arrived = await timed(() =>
  inTurn(job.contributions, ({ payload }) => measurePayload(world, payload)),
)
console.log(`measured on arrival: ${(arrived / count).toFixed(2)} ms each`)
const measured = new Map(world.measured)
const crowd = Array.from(
  { length: CROWD },
  (_, index) => job.contributions[index % job.contributions.length]!,
)
for (const parts of [job.contributions.slice(0, 1), job.contributions, crowd]) {
  world.measured = new Map(measured)
  const merge = () =>
    mergeRound(world, { ...job, contributions: parts }, (bytes) => blobs.put(bytes))
  const ms = await timed(merge)
  console.log(
    `${parts.length} merged: ${ms.toFixed(0)} ms, ${(ms / parts.length).toFixed(2)} ms each`,
  )
}
const costs = []
for (const merge of ['mean', 'trimmed'] as const) {
  world.measured = new Map(measured)
  costs.push(await timed(() => mergeRound(world, { ...job, merge }, (bytes) => blobs.put(bytes))))
}
const [mean = 0, trimmed = 0] = costs
console.log(
  `${count} merged trimmed: ${trimmed.toFixed(0)} ms, ${(trimmed / mean).toFixed(1)} times a mean`,
)
await compute.close()
await rm(folder, { recursive: true })

/** Payloads with small deltas and moments of three octaves, as those of volunteers are. */
async function payloads() {
  const memory = newSharedMemory(16)
  const ops = createWasmOps(new WebAssembly.Module(readFileSync(KERNELS)), memory)
  const arena = createArena(memory)
  const random = prng(1)
  const delta = new Float32Array(layout.count)
  const made = []
  for (let index = 0; index < count; index++) {
    for (let i = index % 7; i < delta.length; i += 7) delta[i] = (nextFraction(random) - 0.5) * 1e-3
    const codes = encode(ops, arena, config.aggregation.uplink, delta)
    const payload = new Uint8Array(codes.length + momentBytes(layout))
    payload.set(codes)
    for (let i = codes.length; i < payload.length; i++) {
      payload[i] = 100 + Math.floor(12 * nextFraction(random))
    }
    const reference = await blobs.put(payload)
    made.push({
      leaseId: index,
      peer: 'p',
      firstBatch: 16 * index,
      steps: 16,
      tokens: 16_384,
      payload: reference,
    })
  }
  return made
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return performance.now() - started
}

async function inTurn<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  for (const item of items) await run(item)
}
