/**
 * A model that writes: the base and adapter of a run on this machine, or any base model with any
 * adapter that fits it.
 */

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { AdapterShape, GeneratorShape } from '../../kernels/index.ts'
import { ConfigError, type RunConfig } from '../../protocol/index.ts'
import { floatsOf } from '../compute/floats.ts'
import {
  type BaseModel,
  EMBEDDED_MODEL,
  openBaseModel,
  readCompanions,
} from '../model/base-model.ts'
import { type ChatTemplate, modelTemplate } from '../model/chat-template.ts'
import { parseModelConfig } from '../model/config.ts'
import { openTokenizer } from '../model/open-tokenizer.ts'
import { readPeftAdapter } from '../model/peft.ts'
import { rowNormsOf } from '../model/row-norms.ts'
import { withStops } from '../model/stops.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import { manifestsUntil } from '../run/manifests.ts'
import { openRun } from '../run/open-run.ts'
import { isRunFolder, runFolder } from '../run/run-folder.ts'

export interface TextModel {
  /** What the base is called. */
  name: string
  shape: GeneratorShape
  weightsPath: string
  tokenizer: TextTokenizer
  /** How conversations are written; null: the model was not made for them. */
  template: ChatTemplate | null
  /** N scalars; null: the base alone. */
  adapter: Float32Array | null
  /** The adapter is that after `round` of a run's `rounds`; null: it is no run's. */
  source: { round: number; rounds: number } | null
  /** What the run rates answers by; null: it learns a text, or this is no run. */
  preference: NonNullable<RunConfig['training']['preference']> | null
}

export interface ModelChoice {
  /** A run's folder. */
  run?: string | undefined
  /** Its adapter after this many rounds; by default the best, as `bestRound` says. */
  round?: number | undefined
  /** Else a model: a folder, or `embedded`. */
  model?: string | undefined
  /** What it is called, where that is not its path. */
  name?: string | undefined
  /** A PEFT folder for `model`. */
  adapter?: string | undefined
  /** Tokens of context; as many as the base was trained on, up to CONTEXT_DEFAULT_MAX. */
  context?: number | undefined
}

/** Keys and values of a context take memory, and few talks are longer. */
const CONTEXT_DEFAULT_MAX = 2048
/** Room for an adapter that is zero. */
const NO_ADAPTER: AdapterShape = { adapterRank: 1, alpha: 1, targets: ['q'] }

/** @throws ConfigError when the choice is no model; ModelError when the model cannot be used. */
export async function openTextModel(choice: ModelChoice): Promise<TextModel> {
  const { run, model, adapter, round } = choice
  if (round !== undefined && run === undefined) {
    throw new ConfigError("Cannot choose a '--round' of a model that is no run: leave it out")
  }
  if (run !== undefined && model === undefined && adapter === undefined) {
    return openRunModel(run, choice)
  }
  if (run === undefined && model !== undefined) return openPlainModel(model, choice)
  throw new ConfigError(
    "Cannot choose a model: give the folder of a run, or '--model' with or without '--adapter'",
  )
}

async function openRunModel(root: string, choice: ModelChoice): Promise<TextModel> {
  const run = await openRun(runFolder(root))
  const { folder, config, state, blobs } = run
  const { contextLength } = parseModelConfig(await readFile(join(folder.base, 'config.json')))
  const chain = await manifestsUntil(run, choice.round ?? null)
  const checkpoint = chain.at(-1)?.manifest.checkpoint ?? null
  const { base, adapter } = config
  const companions = await readCompanions(folder.base)
  const template = modelTemplate(companions)
  return {
    name: base.name,
    shape: {
      model: base.shape,
      adapter,
      kernels: config.kernels,
      contextMax: contextOf(choice, contextLength),
    },
    weightsPath: blobs.path(base.weights.digest),
    tokenizer: withStops(await openTokenizer(folder.base), companions, template),
    template,
    adapter: checkpoint === null ? null : floatsOf(await blobs.read(checkpoint.digest)),
    source: { round: chain.length, rounds: state.round.start.round },
    preference: config.training.preference ?? null,
  }
}

async function openPlainModel(path: string, choice: ModelChoice): Promise<TextModel> {
  const folder = path === 'embedded' ? EMBEDDED_MODEL : resolve(path)
  const name = choice.name ?? path
  if (isRunFolder(folder)) {
    throw new ConfigError(`Cannot open '${name}' as a model as it is a run: leave '--model' out`)
  }
  const base = await openBaseModel(folder)
  const { shape: model, file, contextLength } = base
  const wanted = await adapterFor(base, choice).finally(base.close)
  const template = modelTemplate(base.companions)
  return {
    name,
    shape: {
      model,
      adapter: wanted.adapterShape,
      kernels: { ...base.weights.storage, path: 'float32' },
      contextMax: contextOf(choice, contextLength),
    },
    weightsPath: file.path,
    tokenizer: withStops(base.tokenizer, base.companions, template),
    template,
    adapter: wanted.values,
    source: null,
    preference: null,
  }
}

async function adapterFor({ shape, weights, file }: BaseModel, { adapter }: ModelChoice) {
  if (adapter === undefined) return { adapterShape: NO_ADAPTER, values: null }
  return readPeftAdapter(adapter, shape, file.digest, rowNormsOf(shape, weights))
}

/** Tokens of context where nobody asks for another number. */
export function defaultContext(contextLength: number): number {
  return Math.min(contextLength, CONTEXT_DEFAULT_MAX)
}

function contextOf({ context }: ModelChoice, contextLength: number): number {
  if (context === undefined) return defaultContext(contextLength)
  if (context <= contextLength) return context
  throw new ConfigError(
    `Cannot read ${context} tokens at a time as 'context' must be at most ${contextLength}: ` +
      'the base was trained on no longer sequences',
  )
}
