/**
 * The merged model as the one file that llama.cpp and Ollama want, and a Modelfile for Ollama,
 * which takes no adapter beside a model.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseModelConfig } from '../model/config.ts'
import { ModelError } from '../model/errors.ts'
import type { WrittenType } from '../model/gguf-blocks.ts'
import { type GgufTokenizer, ggufTokenizer } from '../model/gguf-tokenizer.ts'
import { writeGguf } from '../model/gguf-write.ts'
import { openWeights } from '../model/weight-file.ts'
import type { WrittenFile } from '../model/write-file.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { ggufModel } from './gguf-model.ts'
import { mergedWeights } from './merge.ts'
import { modelfile } from './modelfile.ts'
import type { Takeaway } from './takeaway.ts'
import { MODEL_FILE, MODELFILE } from './usage.ts'

/** @throws ModelError with the way around it where llama.cpp has no tokenizer like the base's. */
export async function writeMergedGguf(
  folder: string,
  takeaway: Takeaway,
  type: WrittenType,
): Promise<WrittenFile> {
  const { base, run, model } = takeaway
  const tokenizer = await tokenizerOf(takeaway)
  const { contextLength } = parseModelConfig(await readFile(join(base.folder, 'config.json')))
  const weights = openWeights(base.weights, model)
  try {
    const file = ggufModel({
      ...{ run, model, contextLength, type, tokenizer: tokenizer.entries },
      weights: mergedWeights(weights, takeaway),
    })
    await writeFile(join(folder, MODELFILE), modelfile(tokenizer))
    return await writeGguf(join(folder, MODEL_FILE), file)
  } finally {
    weights.close()
  }
}

async function tokenizerOf({ base, model }: Takeaway): Promise<GgufTokenizer> {
  const path = (name: string) => join(base.folder, name)
  const files = {
    tokenizer: await readFile(path('tokenizer.json')),
    config: await readFile(path('tokenizer_config.json')),
    chatTemplate: await readFile(path('chat_template.jinja'), 'utf8').catch(nullIfMissing),
  }
  try {
    return ggufTokenizer(files, model.vocabSize)
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
