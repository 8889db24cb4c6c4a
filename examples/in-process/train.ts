/**
 * A whole run in one program, without a network: run.yaml becomes a plan, three volunteers train in
 * turn, and a merge averages what they made. The numbers come from the same kernels as everywhere,
 * so the last line is the same on every machine. `npx tsx examples/in-process/train.ts`
 */
import { readFileSync } from 'node:fs'
import { adapterLayout, initialAdapter } from '../../kernels/index.ts'
import { createEngine } from '../../node/compute/engine.ts'
import { bytesOf, floatsOf } from '../../node/compute/floats.ts'
import { jobOf } from '../../node/compute/job.ts'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import { openBlobWeights } from '../../node/model/weight-file.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { readRunYaml } from '../../node/setup/run-yaml.ts'
import { type BlobReference, digestOf } from '../../protocol/index.ts'

const [ROUNDS, VOLUNTEERS, STEPS] = [6, 3, 4]
const file = await readRunYaml(`${import.meta.dirname}/../sea-stories/run.yaml`)

await withPlan(await locateRun(file, null), async ({ config, dataset, base }) => {
  const { learningRate } = config.training
  const module = new WebAssembly.Module(readFileSync(KERNELS))
  const engine = createEngine(module, digestOf, openBlobWeights)
  engine.setUp(config, jobOf(config), base.file.path)
  const shardOf = async ({ digest }: BlobReference) => dataset.blobs.get(digest)!

  let adapter = initialAdapter(adapterLayout(config.base.shape, config.adapter), config.seed)
  let moment: Uint8Array | null = null
  let outerState: Uint8Array | null = null
  let nextLease = 0

  /** A volunteer's local steps from the round's adapter, and what it would send up for them. */
  async function train(leaseId: number) {
    const firstBatch = leaseId * STEPS
    const sequences = await readBatches(config, firstBatch, STEPS, shardOf)
    const traceStart = digestOf(new Uint8Array(0))
    const start = { adapter, moment, learningRate, traceStart }
    const lease = { leaseId, firstBatch, steps: STEPS, ...start, ...sequences }
    const last = [...engine.train(lease, leaseId)].at(-1)!
    if (last.status !== 'ok') throw new Error(`a step is ${last.status}`)
    const { targetTokens: tokens, lossSum } = last.progress
    const payload = engine.payload(lease)
    const measured = engine.measure(config, payload)
    return { leaseId, steps: STEPS, tokens, measured, payload, loss: lossSum / tokens }
  }

  for (let round = 1; round <= ROUNDS; round++) {
    const contributions = []
    for (let turn = 0; turn < VOLUNTEERS; turn++) contributions.push(await train(nextLease++))
    const { merge: rule } = config.aggregation
    const job = { config, merge: rule, outerState, learningRate, outerScale: 1, contributions }
    const merge = engine.openMerge(job)
    merge.add(contributions.map(({ payload }) => payload))
    const merged = merge.close()
    adapter = floatsOf(merged.adapter)
    ;({ moment, outerState } = merged)
    const loss = contributions.reduce((sum, each) => sum + each.loss, 0) / VOLUNTEERS
    console.log(`round ${round}: ${loss.toFixed(3)} nats a token`)
  }
  console.log(`adapter ${digestOf(bytesOf(adapter))}`)
})
