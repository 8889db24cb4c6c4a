/**
 * The merged model as the one file that llama.cpp and Ollama want, and a Modelfile for Ollama,
 * which takes no adapter beside a model.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelShape } from '../../kernels/index.ts'
import { readWeights } from '../model/base-weights.ts'
import { parseModelConfig } from '../model/config.ts'
import { ModelError } from '../model/errors.ts'
import { isGguf } from '../model/gguf.ts'
import type { WrittenType } from '../model/gguf-blocks.ts'
import type { GgufValue } from '../model/gguf-format.ts'
import {
  chatEntries,
  chatFormat,
  ggufTokenizer,
  type TokenizerFiles,
} from '../model/gguf-tokenizer.ts'
import { writeGguf } from '../model/gguf-write.ts'
import { openWeightFile } from '../model/weight-file.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { type GgufModel, ggufModel } from './gguf-model.ts'
import { rewrittenGguf } from './gguf-rewrite.ts'
import { mergedWeights } from './merge.ts'
import { modelfile } from './modelfile.ts'
import type { Takeaway, WrittenModel } from './takeaway.ts'
import { MODEL_FILE, MODELFILE } from './usage.ts'

/** @throws ModelError with the way around it where llama.cpp has no tokenizer like the base's. */
export async function writeMergedGguf(
  folder: string,
  takeaway: Takeaway,
  type: WrittenType,
  signal?: AbortSignal,
): Promise<WrittenModel> {
  const { base, model } = takeaway
  const files = await tokenizerFiles(base.folder)
  const opened = openWeightFile(base.weights)
  try {
    const isRewritten = isGguf(opened.read(0, Math.min(4, opened.bytes)))
    const file = isRewritten
      ? rewrittenGguf(opened, takeaway, type, ownChat(files))
      : ggufModel({
          run: takeaway.run,
          model,
          type,
          tokenizer: tokenizerOf(files, model),
          contextLength: await contextLengthOf(base.folder),
          weights: mergedWeights(readWeights(model, opened), takeaway),
        })
    await writeFile(join(folder, MODELFILE), modelfile(chatFormat(files)))
    const written = await writeGguf(join(folder, MODEL_FILE), file, signal)
    const weights = isRewritten ? `${type} where merged, the others as in the base` : type
    return { ...written, weights }
  } finally {
    opened.close()
  }
}

/** A GGUF base has its template in tokenizer_config.json: one in a file of its own is the run's. */
function ownChat(files: TokenizerFiles): [key: string, value: GgufValue][] {
  return files.chatTemplate === null ? [] : chatEntries(files)
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

function tokenizerOf(files: TokenizerFiles, { vocabSize }: ModelShape): GgufModel['tokenizer'] {
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
