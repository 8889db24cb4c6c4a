/**
 * The merged model as a Hugging Face folder: the base's own files, and one safetensors file. What
 * reads the base reads it: transformers, vLLM, llama.cpp's converter.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { weightTensors } from '../../kernels/index.ts'
import type { FloatDtype } from '../model/dtypes.ts'
import { ModelError } from '../model/errors.ts'
import { ropeTypeOf } from '../model/rope.ts'
import { safetensorsPieces } from '../model/safetensors.ts'
import { openWeights } from '../model/weight-file.ts'
import { writeInPieces } from '../model/write-file.ts'
import { encodeWeights } from './encode-weights.ts'
import { mergedWeights, tensorPieces } from './merge.ts'
import type { Takeaway, WrittenModel } from './takeaway.ts'

const WEIGHTS_FILE = 'model.safetensors'
const CONFIG_FILE = 'config.json'

/** That of the matrices: a base may keep its norms in a wider one. */
const DTYPES: Readonly<Record<string, FloatDtype>> = { float16: 'F16', bfloat16: 'BF16' }

/** What config.json calls them. */
const DTYPE_NAMES: Readonly<Record<FloatDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
}

/** Writes config.json and the weights; `dtype` null: that of the base. */
export async function writeMergedFolder(
  folder: string,
  takeaway: Takeaway,
  dtype: FloatDtype | null,
  signal?: AbortSignal,
): Promise<WrittenModel> {
  const { model, base } = takeaway
  const opened = openWeights(base.weights, model)
  try {
    const type = dtype ?? DTYPES[opened.storage.base] ?? 'F32'
    const config = await readFile(join(base.folder, CONFIG_FILE), 'utf8')
    refuseOwnDivisors(config)
    await writeFile(join(folder, CONFIG_FILE), withDtype(config, DTYPE_NAMES[type]))
    const weights = mergedWeights(opened, takeaway)
    const tensors = weightTensors(model).map(({ name, shape }) => ({
      name,
      shape,
      dtype: type,
      *pieces() {
        for (const values of tensorPieces(weights, name, shape)) {
          yield encodeWeights(type, values, name)
        }
      },
    }))
    const pieces = safetensorsPieces(tensors, { format: 'pt' })
    const path = join(folder, WEIGHTS_FILE)
    return { ...(await writeInPieces(path, pieces, signal)), weights: type }
  } finally {
    opened.close()
  }
}

/** A GGUF may have divisors of RoPE's frequencies that no scaling of transformers makes. */
function refuseOwnDivisors(config: string): void {
  if (ropeTypeOf(JSON.parse(config).rope_scaling) !== 'divisors') return
  throw new ModelError(
    'unsupported',
    "Cannot write the merged model as a folder as transformers has no word for its base's " +
      "'rope_freqs': export '--format merged-gguf'",
  )
}

/** All else stays as the base's authors wrote it. */
export function withDtype(config: string, dtype: string): string {
  const known = /("(?:torch_)?dtype"\s*:\s*)"[^"]*"/g
  if (known.test(config)) return config.replace(known, `$1"${dtype}"`)
  return config.replace('{', `{\n  "torch_dtype": "${dtype}",`)
}
