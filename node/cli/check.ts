/** `barnraise check run.yaml`: is it right, and what does it mean. */

import {
  type AdapterShape,
  adapterLayout,
  encodedBytes,
  fitMemory,
  momentBytes,
  payloadBytes,
  planMemory,
} from '../../kernels/index.ts'
import { ConfigError, counted, type RunConfig } from '../../protocol/index.ts'
import { fitJob, jobOf } from '../compute/job.ts'
import { byteSize } from '../history/figures.ts'
import { addressIn } from '../network/mirrors.ts'
import { type Expected, expectRounds } from '../setup/expect-rounds.ts'
import { locateRun } from '../setup/locate-run.ts'
import { measureStepMs } from '../setup/measure-speed.ts'
import { type RunPlan, withPlan } from '../setup/plan-run.ts'
import { type ProcessMemory, processMemory } from '../setup/process-memory.ts'
import { readRunYaml } from '../setup/run-yaml.ts'
import { sourcesWords, storageWords } from './base-words.ts'
import { hubOf } from './hub.ts'
import { longerWords, quantileWords } from './length-words.ts'
import { printJson, printLine, printTable } from './output.ts'
import { clockTime, createScreen } from './terminal.ts'

export interface CheckOptions {
  measure?: boolean
  threads: number
  memory: number
  json?: boolean
}

/** How many volunteers the time of a run is reckoned for. */
const CROWDS = [1, 4, 16]

export async function check(file: string, options: CheckOptions): Promise<void> {
  const hub = await hubOf(createScreen(process.stderr))
  const located = await locateRun(await readRunYaml(file), hub)
  const { base_mirrors: mirrors = [] } = located.yaml
  await withPlan(located, (plan) => explain(plan, mirrors, options))
}

async function explain(
  plan: RunPlan,
  mirrors: readonly string[],
  options: CheckOptions,
): Promise<void> {
  const { config, runId, notes } = plan
  const stepMs = await measured(plan, options)
  const estimate = { ...estimateOf(config), stepMs }
  notes.push(...fitNotes(config, options))
  const { quantiles, longer } = plan.figures
  if (options.json) return printJson({ runId, config, notes, quantiles, longer, ...estimate })
  printTable([...meaningOf(plan), ...costsOf(config, estimate, mirrors)])
  for (const note of notes) printLine(note)
}

/** Whether this machine could train for it. */
function fitNotes(config: RunConfig, { threads, memory }: CheckOptions): string[] {
  try {
    fitJob(config, { threads, memoryBytesMax: memory })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return [error.message]
    throw error
  }
}

async function measured(
  { config, base, dataset }: RunPlan,
  { measure, threads, memory }: CheckOptions,
): Promise<number | null> {
  if (!measure) return null
  return measureStepMs(config, base, dataset, { threads, memoryBytesMax: memory })
}

interface Estimate extends ProcessMemory {
  /** The kernels' part of it, which `--memory` limits, at full speed, and at least. */
  memoryBytes: number
  memoryBytesMin: number
  uploadBytes: number
  /** What a volunteer gets after each round. */
  roundBytes: number
  shardBytes: number
  /** What the adapter starts from. */
  startBytes: number
  /** Time of a local step on this machine; null: it was not measured. */
  stepMs: number | null
}

function estimateOf(config: RunConfig): Omit<Estimate, 'stepMs'> {
  const { base, training, adapter, aggregation, dataset } = config
  const layout = adapterLayout(base.shape, adapter)
  const job = jobOf(config)
  const moment = training.mode === 'delta' ? momentBytes(layout) : 0
  return {
    ...processMemory(config),
    startBytes: adapter.start?.checkpoint.bytes ?? 0,
    memoryBytes: planMemory(job).bytes,
    memoryBytesMin: fitMemory(job, 0).bytes,
    uploadBytes: payloadBytes(training.mode, aggregation.uplink, layout),
    roundBytes: encodedBytes(aggregation.downlink, layout.count) + moment,
    shardBytes: dataset.trainShards.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function meaningOf({ config, runId, dataset, figures, scored }: RunPlan): [string, string][] {
  const { base, adapter, training, kernels } = config
  const { count } = adapterLayout(base.shape, adapter)
  return [
    ['run', `${config.name} (${runId.slice(0, 16)})`],
    ['base model', `${base.name}, ${byteSize(base.weights.bytes)}`],
    ['frozen base', `${storageWords(kernels)}, multiplied as ${kernels.path}`],
    ['adapter', `${adapterWords(adapter)}: ${counted(count, 'number')}`],
    ['data', `${rowsWords(dataset.documents, figures)}, ${counted(dataset.tokens, 'token')}`],
    ...(config.dataset.layout === 'stream' ? [] : lengthsOf(figures)),
    ...ratingOf(config),
    ['to train on', sequencesWords(config, config.dataset.trainSequences)],
    ['held out', sequencesWords(config, config.dataset.validationSequences)],
    ...scoresIn(config, scored),
    ['run ends', endOf(training)],
  ]
}

/** Examples by what they are, where they rate answers. */
function rowsWords(count: number, { sources }: RunPlan['figures']): string {
  const kinds = new Set(sources.map(({ kind }) => kind))
  if (kinds.size === 1 && kinds.has('pair')) return counted(count, 'pair')
  if (kinds.size === 1 && kinds.has('rating')) return counted(count, 'rated answer')
  return counted(count, 'example')
}

/** What answers are rated by, and what comparing with the base costs. */
function ratingOf(config: RunConfig): [string, string][] {
  const { preference } = config.training
  if (preference === undefined) return []
  const { loss, beta } = preference
  const rows: [string, string][] = [
    ['rated by', `${loss}, ${loss === 'orpo' ? 'lambda' : 'beta'} ${beta}`],
  ]
  const bytes = referenceBytes(config)
  if (bytes === 0) return rows
  const cost = `a forward pass more in each step, and ${byteSize(bytes)} of its memory`
  return rows.concat([['compared with', `the base without the adapter: ${cost}`]])
}

/** Memory of the kernels that the reference takes; 0: the loss has none. */
function referenceBytes(config: RunConfig): number {
  const job = jobOf(config)
  const alone = { ...job, preference: { loss: 'orpo' as const, beta: 1 } }
  return planMemory(job).bytes - planMemory(alone).bytes
}

/** Answers that are rated have half of a sequence each. */
function sequencesWords({ dataset }: RunConfig, count: number): string {
  const sequences = counted(count, 'sequence')
  if (dataset.layout !== 'answers') return sequences
  const { sequenceLength: length } = dataset
  const half = `an answer with its prompt has ${length / 2} at most`
  return `${sequences} of ${length} tokens, of which ${half}`
}

/** What adapters are scored on, and what that costs the host. */
function scoresIn({ scoring }: RunConfig, scored: RunPlan['scored']): [string, string][] {
  if (scoring === undefined || scored === null) return []
  const { questions, prompts, everyRounds } = scoring
  const what = [
    ...(questions > 0 ? [counted(questions, 'question')] : []),
    ...(prompts > 0 ? [counted(prompts, 'prompt')] : []),
  ].join(' and ')
  const written = prompts > 0 ? `, and up to ${scored.writtenTokensMax} to write` : ''
  const when = everyRounds === 1 ? 'every round' : `every ${everyRounds} rounds`
  const read = counted(scored.readTokens, 'token')
  return [['scored on', `${what} ${when}: ${read} to read${written}, by the host`]]
}

/** A stream is cut anywhere: how long its texts are says nothing of sequences. */
const lengthsOf = (figures: RunPlan['figures']): [string, string][] => [
  ['of the examples', quantileWords(figures)],
  ['longer than', `a sequence of ${longerWords(figures)}`],
]

function adapterWords({
  adapterRank,
  targets,
  layers,
  scaling,
  variant,
  exceptions,
}: AdapterShape): string {
  const parts = [`rank ${adapterRank}`]
  if (exceptions !== undefined) {
    const others = counted(exceptions.length, 'linear layer')
    parts.push(`(another rank or alpha in ${others})`)
  }
  if (scaling === 'rslora') parts.push('scaled by alpha / √rank')
  if (variant === 'dora') parts.push('with magnitudes (DoRA)')
  parts.push(`on ${targets.join(', ')}`)
  if (layers !== undefined) parts.push(`of ${counted(layers.length, 'layer')}`)
  return parts.join(' ')
}

function costsOf(
  config: RunConfig,
  estimate: Estimate,
  mirrors: readonly string[],
): [string, string][] {
  const { digest } = config.base.weights
  const { volunteerBytes, volunteerBytesMin, coreBytes, hostBytes } = estimate
  const { uploadBytes, roundBytes, shardBytes, stepMs, memoryBytes, memoryBytesMin } = estimate
  const base = config.base.weights.bytes + estimate.startBytes
  return [
    [
      'volunteer needs',
      `${byteSize(volunteerBytesMin)} of memory; for full speed ${byteSize(volunteerBytes)}, and ` +
        `${byteSize(coreBytes)} for each core but the first`,
    ],
    [
      'of that, training',
      `${byteSize(memoryBytesMin)}; for full speed ${byteSize(memoryBytes)} ('--memory' limits it)`,
    ],
    ['host needs', `${byteSize(hostBytes)} of memory`],
    ['downloads once', `${byteSize(base)}, and up to ${byteSize(shardBytes)} of data`],
    ['base comes from', sourcesWords(mirrors)],
    ...mirrors.map((mirror): [string, string] => ['', addressIn(mirror, digest)]),
    ['and each round', byteSize(roundBytes)],
    ['uploads a lease', byteSize(uploadBytes)],
    ['takes', stepMs === null ? "add '--measure' to see how long" : timeOf(config, stepMs)],
  ]
}

function endOf({ batchesMax, roundsMax, patience, metric }: RunConfig['training']): string {
  const batches = `after ${counted(batchesMax, 'batch')}`
  const rounds =
    roundsMax === null
      ? 'however many rounds they take'
      : `or after ${counted(roundsMax, 'round')} if they come first (swarm.rounds)`
  const early =
    patience === undefined
      ? ''
      : `; before, when ${metric ?? 'the loss'} is not better for ${counted(patience, 'round')} ` +
        '(early_stopping_patience)'
  return `${batches}, ${rounds}${early}`
}

/** The batches, shared by machines like this one that never leave. */
function timeOf(config: RunConfig, stepMs: number): string {
  const { batchesMax } = config.training
  const crowds = CROWDS.map(
    (count) => `${count}: ${expectedText(expectRounds(config, stepMs, count), batchesMax)}`,
  )
  const step = `${Math.round(stepMs)} ms a step here`
  return `${step}; computing takes, by volunteers, ${crowds.join('; ')}`
}

export function expectedText({ rounds, batches, seconds }: Expected, batchesMax: number): string {
  const time = seconds < 1 ? 'less than a second' : clockTime(seconds)
  const part = batches < batchesMax ? ` and ${batches} of ${counted(batchesMax, 'batch')}` : ''
  return `${time} in ${counted(rounds, 'round')}${part}`
}
