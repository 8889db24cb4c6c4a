/**
 * Makes a plan of a located `run.yaml`: open the base, tokenise the text, cut it into shards, and
 * say in a RunConfig what all peers will agree on. Nothing is written.
 */

import { readFile } from 'node:fs/promises'
import { basename, isAbsolute, resolve } from 'node:path'
import { hasIntegerPath } from '../../kernels/index.ts'
import {
  ConfigError,
  counted,
  NAME_LENGTH_MAX,
  type RunConfig,
  type RunId,
  runIdOf,
} from '../../protocol/index.ts'
import { checkRunSizes } from '../compute/sizes.ts'
import { notesOf } from '../dataset/notes.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { isTemplateUsed, type ReadScoredRows } from '../dataset/read-scored-rows.ts'
import { type BaseModel, openBaseModel } from '../model/base-model.ts'
import { DEFAULT_TEMPLATE, isTemplateFile, templateText } from '../model/named-templates.ts'
import { whyUnread } from '../system-reason.ts'
import type { DataFigures } from './data-figures.ts'
import { noFourBitsOf, openFourBitBase } from './four-bit-base.ts'
import type { LocatedRun } from './locate-run.ts'
import { type DataLook, type DataTask, lookAtData, type ReadData, readData } from './read-data.ts'
import { runConfigOf } from './run-config-of.ts'
import { SWARM_DEFAULTS } from './run-keys.ts'
import { readStartAdapter, type Start, type StartAdapter } from './start-adapter.ts'

/** A shard of this size is fetched in a moment and holds work for many leases. */
const SHARD_TOKENS = 65_536

export interface RunPlan {
  config: RunConfig
  runId: RunId
  dataset: PreparedDataset
  figures: DataFigures
  /** What adapters are scored on; null: nothing. */
  scored: ReadScoredRows | null
  /** What the adapter starts from, where it was read; null: nothing. */
  start: StartAdapter | null
  /** What an organiser should hear before it begins, in sentences. */
  notes: string[]
  /** The chat template of conversations; null: it is the base's own, or there are none. */
  template: string | null
  /** Open while the plan is worked with. */
  base: BaseModel
}

/**
 * Plans a run, works with the plan, and closes the base whatever happens.
 * @param known what the run is known to start from, so that nothing is read for it
 * @throws ConfigError for what run.yaml cannot mean with this base and this data
 */
export function withPlan<T>(
  run: LocatedRun,
  work: (plan: RunPlan) => Promise<T> | T,
  known: Start | null = null,
): Promise<T> {
  return withStoredBase(run, async (base, quantised) => {
    const { dataset, isTalk, figures, scored } = await readDataOf(run, base, 0)
    const start = known === null ? await readStartAdapter(run, base) : null
    const config = runConfigOf(run, base, { dataset, scored }, start?.start ?? known)
    checkRunSizes(config)
    const data = [...notesOf(dataset), ...templateNotes(run, isTalk), ...inputNotes(run, figures)]
    const notes = [
      ...baseNotes(run, quantised),
      ...mirrorNotes(run, quantised, base),
      ...integerNotes(run, config),
      ...startNotes(run, start, config),
      ...data,
      ...admissionNotes(run),
      ...gradientNotes(run),
      ...decayNotes(run),
      ...preferenceNotes(run, start),
      ...scoringNotes(run, scored),
    ]
    const isOwn = isTalk && run.yaml.chat_template !== DEFAULT_TEMPLATE
    const template = isOwn ? templateText(await readTemplate(run)) : null
    const runId = runIdOf(config)
    return work({ config, runId, dataset, scored, figures, start, notes, template, base })
  })
}

/**
 * What is lost before anything is learned, or is not as it was asked for.
 * @param quantised types of fewer bits that the base came in
 */
function baseNotes({ yaml, placeOf }: LocatedRun, quantised: readonly string[]): string[] {
  if (quantised.length === 0) return []
  const has = `the base has its weights in ${quantised.join(', ')} already`
  if (yaml.load_in_8bit) {
    return [
      `${placeOf(['load_in_8bit'])} load_in_8bit: ${has}, and to round them once more makes it ` +
        'worse. Left out, they are used as they are.',
    ]
  }
  if (!yaml.load_in_4bit) return []
  return [`${placeOf(['load_in_4bit'])} load_in_4bit: it has no effect, as ${has}.`]
}

/** What is multiplied in float32 all the same. */
function integerNotes({ yaml, placeOf }: LocatedRun, { kernels: { kinds } }: RunConfig): string[] {
  if (!yaml.integer_products || kinds === undefined) return []
  const without = (isBackward: boolean) =>
    kinds.filter((kind) => !hasIntegerPath(kind, isBackward)).length
  const [never, backward] = [without(false), without(true)]
  if (backward === 0) return []
  return [
    `${placeOf(['integer_products'])} integer_products: of ${kinds.length} matrices ` +
      `${never} have no blocks and are multiplied in float32, and the gradient goes through ` +
      `${backward - never} more in float32, as their blocks are of 32 numbers.`,
  ]
}

/** Mirrors of what the base is made of are of no use to volunteers. */
function mirrorNotes(
  { yaml, placeOf }: LocatedRun,
  quantised: readonly string[],
  { file }: BaseModel,
): string[] {
  const isMade = yaml.load_in_4bit && quantised.length === 0
  if (!isMade || (yaml.base_mirrors ?? []).length === 0) return []
  return [
    `${placeOf(['base_mirrors'])} base_mirrors: they must have the base in 4 bits, whose SHA-256 ` +
      `is ${file.digest} ('load_in_4bit'): what it was made of is taken from none of them.`,
  ]
}

/**
 * The base as volunteers get it: of floats where 4 bits are asked for, in those.
 * @param work gets the types of fewer bits that it came in, too
 */
function withStoredBase<T>(
  run: LocatedRun,
  work: (base: BaseModel, quantised: readonly string[]) => Promise<T>,
): Promise<T> {
  return withBase(run, async (base) => {
    const { quantised } = base.weights
    if (!run.yaml.load_in_4bit || quantised.length > 0) return work(base, quantised)
    const none = noFourBitsOf(base.shape)
    if (none !== null)
      throw new ConfigError(`${run.placeOf(['load_in_4bit'])} load_in_4bit: ${none}`)
    const stored = await openFourBitBase(base, run.conversions)
    try {
      return await work(stored, quantised)
    } finally {
      stored.close()
    }
  })
}

function startNotes(
  { placeOf }: LocatedRun,
  start: StartAdapter | null,
  { dataset }: RunConfig,
): string[] {
  if (start === null) return []
  const place = `${placeOf(['adapter_from'])} adapter_from:`
  const note = `${place} the run starts from ${start.origin}.`
  if ([null, dataset.validationShard.digest].includes(start.heldOut)) return [note]
  return [
    note,
    `${place} other text is held out than was there, so some of it may have been trained on: the ` +
      'losses may look better than they are.',
  ]
}

function templateNotes({ yaml, placeOf, scored }: LocatedRun, isTalk: boolean): string[] {
  if (isTalk || yaml.chat_template === DEFAULT_TEMPLATE) return []
  if (scored !== null && isTemplateUsed(scored)) return []
  return [
    `${placeOf(['chat_template'])} chat_template: it has no effect, as no row is a conversation.`,
  ]
}

function inputNotes({ yaml, placeOf }: LocatedRun, { sources }: DataFigures): string[] {
  if (!yaml.train_on_inputs || sources.some(({ kind }) => kind !== 'completion')) return []
  return [
    `${placeOf(['train_on_inputs'])} train_on_inputs: it has no effect, texts are learned whole.`,
  ]
}

function admissionNotes({ yaml, placeOf }: LocatedRun): string[] {
  const { admission, allow_list: allowed } = yaml.swarm
  if (admission !== 'invites' || allowed == null) return []
  return [
    `${placeOf(['swarm', 'allow_list'])} swarm.allow_list: an invite lets nobody in who is not ` +
      'on the list as well. Leave it out, and invites alone decide.',
  ]
}

/** What a preference takes otherwise than somebody may think. */
function preferenceNotes({ yaml, placeOf }: LocatedRun, start: StartAdapter | null): string[] {
  const { rl } = yaml
  if (rl === undefined) return []
  const notes: string[] = []
  if (rl === 'kto') {
    notes.push(
      `${placeOf(['rl'])} rl: kto compares answers with the base itself (z₀ = 0), as TRL's ` +
        "'loss_type: apo_zero_unpaired' does, and estimates no divergence from it.",
    )
  }
  if (start !== null && (rl === 'dpo' || rl === 'ipo' || rl === 'kto')) {
    notes.push(
      `${placeOf(['rl'])} rl: ${rl} compares with the base without any adapter, not with what ` +
        "'adapter_from' starts from.",
    )
  }
  return notes
}

/** Keys that mean something where deltas are averaged, and nothing where gradients are. */
const OF_DELTAS = ['outer_learning_rate', 'outer_momentum', 'weight_cap', 'norm_clip'] as const

function gradientNotes({ yaml: { swarm }, placeOf }: LocatedRun): string[] {
  if (swarm.aggregation !== 'gradient') return []
  const noted = (key: string, what: string) => `${placeOf(['swarm', key])} swarm.${key}: ${what}`
  const notes = OF_DELTAS.filter((key) => swarm[key] !== SWARM_DEFAULTS[key]).map((key) =>
    noted(key, "it has no effect, as 'aggregation: gradient' takes the plain mean."),
  )
  const { uplink = 'float32' } = swarm
  if (uplink === 'float32') return notes
  return [
    ...notes,
    noted(
      'uplink',
      `${uplink} rounds gradients, so a step is not one of a single machine any more.`,
    ),
  ]
}

function decayNotes({ yaml: { weight_decay: decay, peft_use_dora: isDora }, placeOf }: LocatedRun) {
  if (!isDora || decay === 0) return []
  const why = "it pulls DoRA's magnitudes to those of the base; with PEFT, it pulls them to zero."
  return [`${placeOf(['weight_decay'])} weight_decay: ${why}`]
}

/** What is said of the rows that adapters are scored on, and of keys that mean nothing without. */
function scoringNotes({ yaml, placeOf }: LocatedRun, scored: ReadScoredRows | null): string[] {
  if (scored !== null) return [...scored.notes, ...rarelyScoredNotes(yaml, placeOf)]
  const given = [yaml.eval_every !== 1 && 'eval_every', yaml.eval_spread && 'eval_spread']
  const why = "it has no effect, as there is neither 'eval_choices' nor 'eval_generate'."
  return given.flatMap((key) => (key === false ? [] : [`${placeOf([key])} ${key}: ${why}`]))
}

/** What a run of so few rounds never comes to. */
function rarelyScoredNotes(yaml: LocatedRun['yaml'], placeOf: LocatedRun['placeOf']): string[] {
  const { eval_every: every, early_stopping_patience: patience, swarm } = yaml
  const { rounds } = swarm
  if (rounds === null) return []
  const notes: string[] = []
  if (every > rounds) {
    const what = `only what the run begins with and the last of its ${counted(rounds, 'round')}`
    notes.push(`${placeOf(['eval_every'])} eval_every: ${what} are scored.`)
  }
  const goesByScores = yaml.metric_for_best_model !== 'eval_loss'
  if (goesByScores && patience !== undefined && patience * every >= rounds) {
    const scored = `${counted(patience, 'scored round')}, one in ${every},`
    const why = `${scored} are not over before the last`
    const place = placeOf(['early_stopping_patience'])
    notes.push(`${place} early_stopping_patience: it has no effect, as ${why} of ${rounds}.`)
  }
  return notes
}

/** @throws ConfigError when sequences are longer than the base can see */
export async function withBase<T>(
  run: LocatedRun,
  work: (base: BaseModel) => Promise<T>,
): Promise<T> {
  const base = await openBaseModel(run.base)
  try {
    const { sequence_len: length } = run.yaml
    if (length > base.contextLength) {
      throw new ConfigError(
        `${run.placeOf(['sequence_len'])} sequence_len: must be at most ${base.contextLength} on ` +
          `this base: current value is ${length}`,
      )
    }
    return await work(base)
  } finally {
    base.close()
  }
}

/** @param examplesMax of each source, to be shown */
export async function readDataOf(
  run: LocatedRun,
  base: BaseModel,
  examplesMax: number,
): Promise<ReadData> {
  return readData(await dataTask(run, base, examplesMax))
}

/** What the data of a run is, as far as it can be said before it is cut. */
export async function lookAt(run: LocatedRun, base: BaseModel): Promise<DataLook> {
  return lookAtData(await dataTask(run, base, 0))
}

async function dataTask(
  run: LocatedRun,
  { companions, shape, contextLength }: BaseModel,
  examplesMax: number,
): Promise<DataTask> {
  const { yaml, datasets, folder } = run
  const { train_on_inputs, rl } = yaml
  // Two answers of the length that run.yaml says lie in a sequence.
  const sequenceLength = rl === undefined ? yaml.sequence_len : 2 * yaml.sequence_len
  return {
    datasets: datasets.map((dataset) => ({ ...dataset, train_on_inputs, rl })),
    folder,
    companions,
    rows: shape.vocabSize,
    template: await readTemplate(run),
    options: {
      name: datasetName(run),
      sequenceLength,
      sequencesPerShard: Math.max(1, Math.floor(SHARD_TOKENS / sequenceLength)),
      validationSize: yaml.val_set_size,
      seed: yaml.seed,
      longExamples: yaml.excess_length_strategy,
      isDeduplicated: yaml.dataset_exact_deduplication,
      isInOrder: yaml.curriculum_sampling,
      badRows: yaml.skip_bad_rows ? 'skip' : 'refuse',
    },
    isPacked: yaml.sample_packing,
    isRated: rl !== undefined,
    examplesMax,
    scored: run.scored,
    contextLength,
  }
}

/** The name of a template, or its text where run.yaml names its file. */
export async function readTemplate({ yaml, folder }: LocatedRun): Promise<string> {
  const { chat_template: wanted } = yaml
  if (!isTemplateFile(wanted)) return wanted
  const path = resolve(folder, wanted)
  return readFile(path, 'utf8').catch((error: Error) => {
    throw new ConfigError(`Cannot read the chat template ${path} as ${whyUnread(error)}`)
  })
}

/** Everyone sees it, in model cards too: of paths elsewhere on this machine it has only the end. */
function datasetName({ yaml }: LocatedRun): string {
  return yaml.datasets
    .map(({ path }) => (isAbsolute(path) || /^(~|\.\.)/.test(path) ? basename(path) : path))
    .join(', ')
    .slice(0, NAME_LENGTH_MAX)
}
