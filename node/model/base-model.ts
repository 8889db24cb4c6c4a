/**
 * A base model on disk: a Hugging Face folder with config.json, tokenizer.json and weights in
 * safetensors, or a GGUF file, which has all of that in one.
 *
 * The digest of its weights is the base's identity: an adapter and a run name it. Config and
 * tokenizer can change while the weights stay the same, so the tokenizer has a digest of its own.
 */

import { createHash } from 'node:crypto'
import { access, copyFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../protocol/index.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { type BaseWeights, readWeights } from './base-weights.ts'
import { boundedTokenizer } from './bounded-tokenizer.ts'
import { type ModelConfig, parseModelConfig } from './config.ts'
import { parseGguf } from './gguf.ts'
import { ggufCompanions } from './gguf-companions.ts'
import { INDEX_FILE } from './joined-shards.ts'
import { absent, readNeeded } from './needed-file.ts'
import { naming, type RangeFile } from './range-file.ts'
import type { TextTokenizer } from './tokenizer.ts'
import { openWeightFile, piecesOf } from './weight-file.ts'

export interface BaseModel extends ModelConfig {
  weights: BaseWeights
  /** `path` may be the index of shards; digest and bytes are those of the file they make. */
  file: { path: string; digest: Digest; bytes: number }
  /** The bytes of that file. */
  pieces(): AsyncIterable<Uint8Array>
  /** config.json and what else tells how the model is used, by the name of its file. */
  companions: ReadonlyMap<string, Uint8Array>
  tokenizer: TextTokenizer
  tokenizerDigest: Digest
  /** The weights stay open, to be read tensor by tensor, until this is called. */
  close(): void
}

/** The base model that comes with the project: embedded/README.md tells what it is. */
export const EMBEDDED_MODEL = join(import.meta.dirname, 'embedded')

const NEEDED = ['config.json', 'tokenizer.json', 'tokenizer_config.json'] as const
/** Not every model has them. */
const OPTIONAL = ['special_tokens_map.json', 'chat_template.jinja', 'generation_config.json']

const ALL_BUT_CONFIG: readonly string[] = OPTIONAL.concat(NEEDED.slice(1))

/** What tells how a model is used, but for its config, from one folder to another. */
export async function copyCompanions(
  from: string,
  to: string,
  names = ALL_BUT_CONFIG,
): Promise<void> {
  for (const name of names) {
    await copyFile(join(from, name), join(to, name)).catch(ignoreMissing)
  }
}

/** @throws ModelError that names the file which is missing or cannot be used. */
export async function openBaseModel(path: string): Promise<BaseModel> {
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
  if (isFile) return openModel(path, (file) => ggufCompanions(parseGguf(file), file))
  const companions = await readCompanions(path)
  return openModel(await weightsIn(path), () => companions)
}

async function openModel(
  path: string,
  companionsOf: (file: RangeFile) => ReadonlyMap<string, Uint8Array>,
): Promise<BaseModel> {
  const file = openWeightFile(path)
  try {
    const companions = companionsOf(file)
    const [config, tokenizer, tokenizerConfig] = NEEDED.map((name) => companions.get(name)!)
    const modelConfig = parseModelConfig(config!)
    return {
      ...modelConfig,
      weights: readWeights(modelConfig.shape, file),
      file: { path, digest: await digestOfFile(file), bytes: file.bytes },
      pieces: () => piecesOf(file),
      companions,
      tokenizer: boundedTokenizer(tokenizer!, tokenizerConfig!),
      tokenizerDigest: createHash('sha256').update(tokenizer!).digest('hex'),
      close: file.close,
    }
  } catch (error) {
    file.close()
    throw naming(path, error)
  }
}

/** The same model with its weights from another file, which is open until it is closed. */
export async function withWeights(base: BaseModel, path: string): Promise<BaseModel> {
  const file = openWeightFile(path)
  try {
    return {
      ...base,
      weights: readWeights(base.shape, file),
      file: { path, digest: await digestOfFile(file), bytes: file.bytes },
      pieces: () => piecesOf(file),
      close: file.close,
    }
  } catch (error) {
    file.close()
    throw naming(path, error)
  }
}

async function digestOfFile(file: RangeFile): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const piece of piecesOf(file)) hash.update(piece)
  return hash.digest('hex')
}

/** config.json and what else tells how the model in a folder is used. */
export async function readCompanions(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const companions = new Map<string, Uint8Array>()
  // One after the other, so that of several that are missing always the same one is named.
  for (const name of NEEDED) {
    companions.set(name, await readNeeded(join(folder, name), 'the base model', ADVICE))
  }
  for (const name of OPTIONAL) {
    const bytes = await readFile(join(folder, name)).catch(ignoreMissing)
    if (bytes !== undefined) companions.set(name, bytes)
  }
  return companions
}

async function weightsIn(folder: string): Promise<string> {
  const index = join(folder, INDEX_FILE)
  const whole = join(folder, 'model.safetensors')
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    )
  if (await exists(whole)) return whole
  if (await exists(index)) return index
  throw absent(whole, 'the base model', 'neither it nor an index of shards is there', ADVICE)
}

const ADVICE = 'give the folder of a model in Hugging Face layout, or a GGUF file'
