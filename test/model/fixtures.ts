/** What the tests of this room share: golden vectors, a folder of their own, what an error says. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished } from 'vitest'
import type { ModelShape } from '../../kernels/shape.ts'
import { ModelError, type ModelErrorCode } from '../../node/model/errors.ts'
import { openRangeFile, withFile } from '../../node/model/range-file.ts'
import { readTensor, type Safetensors, safetensorsHeader } from '../../node/model/safetensors.ts'

/** Made by test/vectors/make-model.py with the libraries of Hugging Face. */
export const VECTORS: {
  tokenizer: { text: string; ids: number[] }[]
  safetensors: { file: string; tensors: Record<string, { shape: number[]; values: number[] }> }
  peft: { config: object; weights: string; tensors: Record<string, number[]> }
  embedded: { text: string; config: object; weights: string; loss: number; adapterLoss: number }
} = JSON.parse(readFileSync(new URL('../vectors/model.json', import.meta.url), 'utf8'))

/** The model of the `peft` vectors. */
export const TINY_SHAPE: ModelShape = {
  vocabSize: 12,
  hiddenSize: 8,
  intermediateSize: 12,
  layerCount: 2,
  headCount: 2,
  kvHeadCount: 1,
  headDim: 4,
  ropeTheta: 10_000,
  rmsNormEps: 1e-6,
  tiedHead: true,
  qkvBias: false,
  headNorm: false,
  ropeDivisors: null,
}

export const floatsOfBase64 = (text: string) => new Float32Array(bytesOfBase64(text).buffer)

export const bytesOfBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
export const bytesOfJson = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

/** A safetensors file on disk, read by range. */
export function openSafetensorsFile(path: string): Safetensors & { close(): void } {
  return withFile(openRangeFile(path), path, (file) => {
    const header = safetensorsHeader(file)
    return { header, tensor: (name) => readTensor(header, name, file.read), close: file.close }
  })
}

/** A file with some bytes changed, and cut. */
export function damaged(file: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(file.length - 1), fc.nat(255))
  const length = fc.oneof(fc.constant(file.length), fc.nat(file.length))
  return fc
    .tuple(fc.array(change, { minLength: 1, maxLength: 8 }), length)
    .map(([changes, end]) => {
      const bytes = file.slice()
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes.subarray(0, end)
    })
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Runs `act`, which must throw a ModelError of this code whose message has all `words`. */
export async function expectModelError(
  act: () => unknown,
  code: ModelErrorCode,
  words: readonly string[],
): Promise<void> {
  const error = await Promise.resolve()
    .then(act)
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ModelError)
  const { code: actual, message } = error as ModelError
  expect({ code: actual, message }).toMatchObject({ code })
  for (const word of words) expect(message).toContain(word)
}
