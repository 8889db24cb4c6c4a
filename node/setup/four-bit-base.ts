/**
 * A base of floats in 4 bits, as `load_in_4bit` asks: a GGUF of weights alone, whose matrices lie
 * in the blocks that the run is trained on. The organiser makes it once, a few rows at a time, and
 * its bytes are a function of the base's weights, so that whoever has those can make it again. It
 * is what volunteers fetch: a third of the bytes, on disk and in memory.
 */
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
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
  if (conversions !== null) {
    const { folder, onProgress } = conversions
    return (
      (await openKept(base, folder)) ?? withWeights(base, await convert(base, folder, onProgress))
    )
  }
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const stored = await withWeights(base, await convert(base, folder, () => {}))
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

/** What an earlier one made of the base: by whose SHA-256, and with which as its own. */
const startOfName = ({ file }: BaseModel): string => `${file.digest}-${VERSION}-`

/** Null where there is none. One that a disk has damaged, or that was cut short, is removed. */
async function openKept(base: BaseModel, folder: string): Promise<BaseModel | null> {
  const start = startOfName(base)
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((each) => each.startsWith(start))) {
    const path = join(folder, name)
    const stored = await withWeights(base, path).catch(() => null)
    if (stored !== null && name === `${start}${stored.file.digest}.gguf`) return stored
    stored?.close()
    await rm(path, { force: true })
  }
  return null
}

/** It comes to its name when it is whole, whoever else makes it at the same time. Its path. */
async function convert(
  base: BaseModel,
  folder: string,
  onProgress: Conversions['onProgress'],
): Promise<string> {
  await mkdir(folder, { recursive: true })
  await sweep(folder)
  const own = await mkdtemp(join(folder, UNFINISHED))
  try {
    const file = fourBitFile(base)
    const total = file.tensors.reduce((sum, { type, shape }) => sum + tensorBytes(type, shape)!, 0)
    const pieces = watched(ggufPieces(file), total, onProgress)
    const { path, digest } = await writeInPieces(join(own, 'base.gguf'), pieces)
    const to = join(folder, `${startOfName(base)}${digest}.gguf`)
    await rename(path, to)
    return to
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

const UNFINISHED = 'part-'
const DAY_MS = 86_400_000

/** Removes what was killed before it was whole, longer ago than any takes. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (!name.startsWith(UNFINISHED)) continue
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > DAY_MS) await rm(path, { recursive: true, force: true })
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
