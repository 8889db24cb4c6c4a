/**
 * The merged model as the one file that llama.cpp and Ollama want, and a Modelfile for Ollama,
 * which takes no adapter beside a model.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelShape, WeightSource } from '../../kernels/index.ts'
import { readWeights } from '../model/base-weights.ts'
import { parseModelConfig } from '../model/config.ts'
import { ModelError } from '../model/errors.ts'
import { isGguf, isWholeModel, parseGguf } from '../model/gguf.ts'
import type { GgufValue, TensorType } from '../model/gguf-format.ts'
import {
  chatEntries,
  chatFormat,
  ggufTokenizer,
  type TokenizerFiles,
} from '../model/gguf-tokenizer.ts'
import { writeGguf } from '../model/gguf-write.ts'
import type { RangeFile } from '../model/range-file.ts'
import { openWeightFile } from '../model/weight-file.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { newRounding, type Rounding } from './encode-weights.ts'
import { type GgufHeading, ggufMetadata, ggufModel } from './gguf-model.ts'
import { completedGguf, rewrittenGguf } from './gguf-rewrite.ts'
import { learnedSquares, mergedNames, mergedWeights } from './merge.ts'
import { modelfile } from './modelfile.ts'
import type { RoundingError, Takeaway, WrittenModel } from './takeaway.ts'
import { BASE_FILE, MODEL_FILE, MODELFILE } from './usage.ts'

/**
 * @param wanted of the merged matrices; `base`: what each has there
 * @throws ModelError with the way around it where llama.cpp has no tokenizer like the base's
 */
export async function writeMergedGguf(
  folder: string,
  takeaway: Takeaway,
  wanted: TensorType | 'base',
  signal?: AbortSignal,
): Promise<WrittenModel> {
  const { base, model, run } = takeaway
  const files = await tokenizerFiles(base.folder)
  const contextLength = await contextLengthOf(base.folder)
  const opened = openWeightFile(base.weights)
  try {
    const isRewritten = isGguf(opened.read(0, Math.min(4, opened.bytes)))
    const weights = readWeights(model, opened)
    const type = wanted === 'base' ? (FLOATS[weights.storage.base] ?? 'F16') : wanted
    const heading = () => {
      const tokenizer = tokenizerOf(files, model)
      return { run, model, type, contextLength, tokenizer }
    }
    const rounding = newRounding(mergedNames(takeaway))
    const file = isRewritten
      ? rewrittenGguf(opened, takeaway, wanted, entriesFor(opened, files, heading), rounding)
      : ggufModel({ ...heading(), weights: mergedWeights(weights, takeaway), rounding })
    await writeFile(join(folder, MODELFILE), modelfile(chatFormat(files)))
    const written = await writeGguf(join(folder, MODEL_FILE), file, signal)
    const types =
      wanted === 'base' ? 'as in the base' : `${type} where merged, the others as in the base`
    return {
      ...written,
      weights: isRewritten ? types : type,
      ...errorOf(rounding, takeaway, weights),
    }
  } finally {
    opened.close()
  }
}

const FLOATS: Readonly<Record<string, TensorType>> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
}

/**
 * The base of a run that made blocks of it, as the file that its adapter is used beside: those
 * blocks, and tokenizer and hyperparameters, which a file of weights alone has not.
 * @throws ModelError with the way around it where llama.cpp has no tokenizer like the base's
 */
export async function writeBaseGguf(
  folder: string,
  { base, model, run }: Takeaway,
  signal?: AbortSignal,
): Promise<void> {
  const tokenizer = tokenizerOf(await tokenizerFiles(base.folder), model)
  const contextLength = await contextLengthOf(base.folder)
  const heading: GgufHeading = { run, model, type: 'F16', contextLength, tokenizer }
  const entries = new Map(ggufMetadata(heading))
  entries.set('general.name', { type: 'string', value: run.base.name })
  // llama.cpp tells the type of a file by its tensors, where this is left out.
  entries.delete('general.file_type')
  entries.delete('barnraise.adapter_sha256')
  const opened = openWeightFile(base.weights)
  try {
    await writeGguf(join(folder, BASE_FILE), completedGguf(opened, model, entries), signal)
  } finally {
    opened.close()
  }
}

/** A GGUF base has its template in tokenizer_config.json: one in a file of its own is the run's. */
function entriesFor(
  base: RangeFile,
  files: TokenizerFiles,
  heading: () => GgufHeading,
): Iterable<readonly [key: string, value: GgufValue]> {
  // A base that the run itself made blocks of is weights alone.
  if (!isWholeModel(parseGguf(base))) return ggufMetadata(heading())
  return files.chatTemplate === null ? [] : chatEntries(files)
}

function errorOf(
  { numbers, differences }: Rounding,
  takeaway: Takeaway,
  base: WeightSource,
): { rounding?: RoundingError } {
  if (numbers === 0) return {}
  const learned = learnedSquares(takeaway, base)
  // Where nothing was learned, nothing of it is lost.
  const ofLearned = learned === 0 ? 0 : Math.sqrt(differences / learned)
  return { rounding: { ofWeights: Math.sqrt(differences / numbers), ofLearned } }
}

async function contextLengthOf(folder: string): Promise<number> {
  return parseModelConfig(await readFile(join(folder, 'config.json'))).contextLength
}

async function tokenizerFiles(folder: string): Promise<TokenizerFiles> {
  return {
    tokenizer: await readFile(join(folder, 'tokenizer.json')),
    config: await readFile(join(folder, 'tokenizer_config.json')),
    chatTemplate: await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(nullIfMissing),
  }
}

function tokenizerOf(files: TokenizerFiles, { vocabSize }: ModelShape): GgufHeading['tokenizer'] {
  try {
    return ggufTokenizer(files, vocabSize)
  } catch (error) {
    if (!(error instanceof ModelError)) throw error
    throw new ModelError(
      error.code,
      `${error.message}. Export '--format merged' and let llama.cpp convert that folder:\n` +
        `  python convert_hf_to_gguf.py FOLDER --outfile ${MODEL_FILE} --outtype f16`,
    )
  }
}

function nullIfMissing(error: unknown): null {
  ignoreMissing(error)
  return null
}
