/** `barnraise check run.yaml`: is it right, and what does it mean. */
import { dirname, resolve } from 'node:path'
import { encodedBytes } from '../../kernels/compress.ts'
import { payloadBytes } from '../../kernels/local-job.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { momentBytes } from '../../kernels/moments.ts'
import { fitMemory, planMemory } from '../../kernels/plan.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { notesOf } from '../dataset/notes.ts'
import { locateRun } from '../run/locate-run.ts'
import { measureStepMs } from '../run/measure-speed.ts'
import { planRun } from '../run/prepare-run.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { jobOf } from '../training/job.ts'
import { hubOf } from './hub.ts'
import { printJson, printLine, printTable } from './output.ts'
import { byteSize, clockTime, createScreen } from './terminal.ts'

export interface CheckOptions {
  measure?: boolean
  threads: number
  memory: number
  json?: boolean
}

/** How many volunteers the time of a run is reckoned for. */
const CROWDS = [1, 4, 16]

export async function check(file: string, options: CheckOptions): Promise<void> {
  const { yaml } = await readRunYaml(file)
  const hub = await hubOf(createScreen(process.stderr))
  const planned = await planRun(await locateRun(yaml, dirname(resolve(file)), hub))
  const stepMs = await measured(planned, options).finally(planned.base.close)
  const { config, runId } = planned
  const estimate = { ...estimateOf(config), stepMs }
  if (options.json) return printJson({ runId, config, ...estimate })
  printTable([...meaningOf(planned), ...costsOf(config, estimate)])
  for (const note of notesOf(planned.dataset)) printLine(note)
}

function measured(planned: Planned, { measure, threads, memory }: CheckOptions) {
  if (!measure) return Promise.resolve(null)
  const limits = { threads, memoryBytesMax: memory }
  return measureStepMs(planned.config, planned.base, planned.dataset, limits)
}

type Planned = Awaited<ReturnType<typeof planRun>>

interface Estimate {
  /** Of the kernels: at full speed, and at least. */
  memoryBytes: number
  memoryBytesMin: number
  uploadBytes: number
  /** What a volunteer gets after each round. */
  roundBytes: number
  shardBytes: number
  /** Of a local step on this machine; null: not measured. */
  stepMs: number | null
}

function estimateOf(config: RunConfig): Omit<Estimate, 'stepMs'> {
  const { base, training, adapter, aggregation, dataset } = config
  const layout = adapterLayout(base.shape, adapter)
  const job = jobOf(config)
  const moment = training.mode === 'delta' ? momentBytes(layout) : 0
  return {
    memoryBytes: planMemory(job).bytes,
    memoryBytesMin: fitMemory(job, 0).bytes,
    uploadBytes: payloadBytes(training.mode, aggregation.uplink, layout),
    roundBytes: encodedBytes(aggregation.downlink, layout.count) + moment,
    shardBytes: dataset.trainShards.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function meaningOf({ config, runId, dataset }: Planned): [string, string][] {
  const { base, adapter, training, kernels } = config
  const { count } = adapterLayout(base.shape, adapter)
  return [
    ['run', `${config.name} (${runId.slice(0, 16)})`],
    ['base model', `${base.name}, ${byteSize(base.weights.bytes)}`],
    ['frozen base', `${kernels.base}, multiplied as ${kernels.path}`],
    ['adapter', `rank ${adapter.adapterRank} on ${adapter.targets.join(', ')}: ${count}`],
    ['data', `${dataset.documents} examples, ${dataset.tokens} tokens`],
    ['to train on', `${config.dataset.trainSequences} sequences`],
    ['held out', `${config.dataset.validationSequences} sequences`],
    ['run ends', `after ${training.batchesMax} batches or ${training.roundsMax} rounds`],
  ]
}

function costsOf(config: RunConfig, estimate: Estimate): [string, string][] {
  const { memoryBytes, memoryBytesMin, uploadBytes, roundBytes, shardBytes, stepMs } = estimate
  const base = config.base.weights.bytes
  return [
    [
      'volunteer needs',
      `${byteSize(memoryBytesMin)} of memory, for full speed ${byteSize(memoryBytes)}`,
    ],
    ['downloads once', `${byteSize(base)}, and up to ${byteSize(shardBytes)} of data`],
    ['and each round', byteSize(roundBytes)],
    ['uploads a lease', byteSize(uploadBytes)],
    ['takes', stepMs === null ? "add '--measure' to see how long" : timeOf(config, stepMs)],
  ]
}

/** All batches, shared by machines like this one that never leave. */
function timeOf({ training }: RunConfig, stepMs: number): string {
  const seconds = (training.batchesMax * stepMs) / 1000
  const crowds = CROWDS.map((count) => `${count}: ${clockTime(seconds / count)}`)
  const step = `${Math.round(stepMs)} ms a step here`
  return `${step}; computing takes, by volunteers, ${crowds.join(', ')}`
}
