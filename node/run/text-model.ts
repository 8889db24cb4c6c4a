/**
 * A model that writes: the base and adapter of a run on this machine, or any base model with any
 * adapter that fits it.
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { GeneratorShape } from '../../kernels/generator.ts'
import type { AdapterShape } from '../../kernels/shape.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { EMBEDDED_MODEL, openBaseModel, readCompanions } from '../model/base-model.ts'
import { type ChatTemplate, openChatTemplate } from '../model/chat-template.ts'
import { parseModelConfig } from '../model/config.ts'
import { openTokenizer } from '../model/open-tokenizer.ts'
import { readPeftAdapter } from '../model/peft.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import { floatsOf } from '../training/floats.ts'
import { openRun } from './open-run.ts'
import { isRunFolder, runFolder } from './run-folder.ts'

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
}

export interface ModelChoice {
  /** A run's folder. */
  run?: string | undefined
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
  const { run, model, adapter } = choice
  if (run !== undefined && model === undefined && adapter === undefined) {
    return openRunModel(run, choice)
  }
  if (run === undefined && model !== undefined) return openPlainModel(model, choice)
  throw new ConfigError(
    "Cannot choose a model: give the folder of a run, or '--model' with or without '--adapter'",
  )
}

async function openRunModel(root: string, choice: ModelChoice): Promise<TextModel> {
  const { folder, config, state, blobs } = await openRun(runFolder(root))
  const { contextLength } = parseModelConfig(await readFile(join(folder.base, 'config.json')))
  const { checkpoint } = state.round.start
  const { base, adapter } = config
  return {
    name: base.name,
    shape: {
      ...{ model: base.shape, adapter, kernels: config.kernels },
      contextMax: contextOf(choice, contextLength),
    },
    weightsPath: blobs.path(base.weights.digest),
    tokenizer: await openTokenizer(folder.base),
    template: chatTemplateOf(await readCompanions(folder.base)),
    adapter: checkpoint === null ? null : floatsOf(await blobs.read(checkpoint.digest)),
  }
}

async function openPlainModel(path: string, choice: ModelChoice): Promise<TextModel> {
  const folder = path === 'embedded' ? EMBEDDED_MODEL : resolve(path)
  const name = choice.name ?? path
  if (isRunFolder(folder)) {
    throw new ConfigError(`Cannot open '${name}' as a model as it is a run: leave '--model' out`)
  }
  const base = await openBaseModel(folder)
  base.close()
  const { shape: model, file, contextLength } = base
  const worn =
    choice.adapter === undefined
      ? { adapterShape: NO_ADAPTER, values: null }
      : await readPeftAdapter(choice.adapter, model, file.digest)
  return {
    name,
    shape: {
      ...{ model, adapter: worn.adapterShape },
      kernels: { base: base.weights.storage, path: 'float32' },
      contextMax: contextOf(choice, contextLength),
    },
    weightsPath: file.path,
    tokenizer: base.tokenizer,
    template: chatTemplateOf(base.companions),
    adapter: worn.values,
  }
}

function chatTemplateOf(companions: ReadonlyMap<string, Uint8Array>): ChatTemplate | null {
  try {
    return openChatTemplate(companions)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
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
