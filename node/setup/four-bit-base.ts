/**
 * A base of floats in 4 bits, as `load_in_4bit` asks: a GGUF of weights alone, whose matrices lie
 * in the blocks that the run is trained on. The organiser makes it once, a few rows at a time, and
 * its bytes are a function of the base's weights, so that whoever has those can make it again. It
 * is what volunteers fetch: a third of the bytes, on disk and in memory.
 */
import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  EMBEDDING,
  HEAD,
  type ModelShape,
  weightMatrices,
  weightTensors,
} from '../../kernels/index.ts'
import { createTensorOf } from '../export/gguf-model.ts'
import type { Conversions } from '../hub/locate.ts'
import { type BaseModel, withWeights } from '../model/base-model.ts'
import type { GgufValue, TensorType } from '../model/gguf-format.ts'
import { tensorBytes } from '../model/gguf-format.ts'
import { ggufArchitecture } from '../model/gguf-names.ts'
import { type GgufFile, ggufPieces } from '../model/gguf-write.ts'
import { writeInPieces } from '../model/write-file.ts'

/** What a change of kernels/quantise-blocks.ts raises, as the bytes that are made are others. */
const VERSION = 1

const FLOATS = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const
type Float = keyof typeof FLOATS

/** Why a base of the shape cannot be stored so; null: it can. */
export function noFourBitsOf(shape: ModelShape): string | null {
  const lengths = new Set(weightMatrices(shape).map(({ shape: [, inputs] }) => inputs!))
  if ([...lengths].some((inputs) => inputs % 32 === 0)) return null
  const found = [...lengths].join(' or ')
  return `the rows of the base have ${found} numbers, and no blocks of 32: leave it out`
}

/**
 * @param conversions null: it is made for this once
 * @throws ModelError `unsupported` for weights that blocks cannot hold
 */
export async function openFourBitBase(
  base: BaseModel,
  conversions: Conversions | null,
): Promise<BaseModel> {
  const kept = conversions?.folder ?? null
  const name = `${base.file.digest}-${VERSION}.gguf`
  if (kept !== null) {
    if (!existsSync(join(kept, name))) await convert(base, kept, name, conversions!.onProgress)
    return withWeights(base, join(kept, name))
  }
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    await convert(base, folder, name, () => {})
    const stored = await withWeights(base, join(folder, name))
    const close = () => {
      stored.close()
      remove()
    }
    return { ...stored, close }
  } catch (error) {
    remove()
    throw error
  }
}

/** It comes to its name when it is whole, whoever else makes it at the same time. */
async function convert(
  base: BaseModel,
  folder: string,
  name: string,
  onProgress: Conversions['onProgress'],
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const own = await mkdtemp(join(folder, 'part-'))
  try {
    const file = fourBitFile(base)
    const total = file.tensors.reduce((sum, { type, shape }) => sum + tensorBytes(type, shape)!, 0)
    await writeInPieces(join(own, name), watched(ggufPieces(file), total, onProgress))
    await rename(join(own, name), join(folder, name))
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

function* watched(
  pieces: Iterable<Uint8Array>,
  total: number,
  onProgress: Conversions['onProgress'],
): Generator<Uint8Array> {
  let done = 0
  for (const piece of pieces) {
    // The header and what fills up are not counted, so that the last number is the total.
    onProgress(Math.min(done, total - 1), total)
    yield piece
    done += piece.length
  }
  onProgress(total, total)
}

/** The file that is made, from the base's weights alone. */
export function fourBitFile({ shape, weights }: Pick<BaseModel, 'shape' | 'weights'>): GgufFile {
  const tensorOf = createTensorOf(shape, weights)
  const float = FLOATS[weights.storage.base as Float]
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: ggufArchitecture(shape) }],
    ['general.type', { type: 'string', value: 'model' }],
    ['general.quantization_version', { type: 'u32', value: 2 }],
  ]
  return {
    metadata: new Map(metadata),
    tensors: weightTensors(shape).map((tensor) =>
      tensorOf(tensor.name, tensor.shape, fourBitType(tensor.name, tensor.shape.at(-1)!, float)),
    ),
  }
}

/** What tells words apart has more bits: see docs/kernels.md for what that is worth. */
function fourBitType(name: string, inputs: number, float: TensorType): TensorType {
  const isOfWords = name === EMBEDDING || name === HEAD
  if (inputs % 256 === 0) return isOfWords ? 'Q6_K' : 'Q4_K'
  if (inputs % 32 === 0) return isOfWords ? 'Q8_0' : 'Q4_1'
  return float
}
