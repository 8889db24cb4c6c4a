/**
 * A base model on disk: a Hugging Face folder with config.json, model.safetensors and
 * tokenizer.json.
 *
 * The digest of its weights is the base's identity: an adapter and a run name it. Config and
 * tokenizer have digests of their own, since both can change while the weights stay the same.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { StorageKind } from '../../kernels/ops.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import type { Digest } from '../../protocol/digest.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { checkWeights, storageOf } from './base-weights.ts'
import { type ModelConfig, parseModelConfig } from './config.ts'
import { ModelError } from './errors.ts'
import { openSafetensorsFile } from './safetensors-file.ts'

interface ModelFile {
  path: string
  digest: Digest
  bytes: number
}

export interface BaseModel extends ModelConfig {
  folder: string
  files: { config: ModelFile; weights: ModelFile; tokenizer: ModelFile }
  weights: WeightSource
  /** The kind that holds every matrix as the checkpoint has it. */
  storage: StorageKind
  /** The weights stay open, to be read tensor by tensor, until this is called. */
  close(): void
}

/** The base model that comes with the project: embedded/README.md tells what it is. */
export const EMBEDDED_MODEL = join(import.meta.dirname, 'embedded')

/** What tells how a model is used, beside its config and weights; not every model has all. */
const COMPANION_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
]

export async function copyCompanions(from: string, to: string): Promise<void> {
  for (const name of COMPANION_FILES) {
    await copyFile(join(from, name), join(to, name)).catch(ignoreMissing)
  }
}

/** @throws ModelError that names the file which is missing or cannot be used. */
export async function openBaseModel(folder: string): Promise<BaseModel> {
  await refuseSharded(folder)
  // One after the other, so that of several that are missing always the same one is named.
  const config = await modelFile(join(folder, 'config.json'))
  const weights = await modelFile(join(folder, 'model.safetensors'))
  const tokenizer = await modelFile(join(folder, 'tokenizer.json'))
  const modelConfig = parseModelConfig(await readFile(config.path))
  const opened = openSafetensorsFile(weights.path)
  try {
    checkWeights(modelConfig.shape, opened.header)
  } catch (error) {
    opened.close()
    throw error
  }
  return {
    ...modelConfig,
    folder,
    files: { config, weights, tokenizer },
    weights: opened,
    storage: storageOf(modelConfig.shape, opened.header),
    close: opened.close,
  }
}

async function modelFile(path: string): Promise<ModelFile> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        hash.update(chunk)
        bytes += chunk.length
      }
    })
  } catch (error) {
    throw new ModelError(
      'missing',
      `Cannot open the base model as ${path} cannot be read (${(error as Error).message}): ` +
        'give the folder of a model in Hugging Face layout',
    )
  }
  return { path, digest: hash.digest('hex'), bytes }
}

async function refuseSharded(folder: string): Promise<void> {
  const index = join(folder, 'model.safetensors.index.json')
  const sharded = await access(index).then(
    () => true,
    () => false,
  )
  if (sharded) {
    throw new ModelError(
      'unsupported',
      `Cannot open the base model as ${index} splits its weights over several files: ` +
        'save it with transformers as one file (save_pretrained with a large max_shard_size)',
    )
  }
}
