/**
 * A base of floats in 4 bits: what a plan makes of `load_in_4bit`, that it is the same base nearly,
 * that it is made once and in pieces, and that it leaves nothing behind.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ModelShape } from '../../kernels/shape.ts'
import { weightMatrices, weightTensors } from '../../kernels/weights.ts'
import type { Conversions } from '../../node/hub/locate.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { ModelError } from '../../node/model/errors.ts'
import { ggufPieces } from '../../node/model/gguf-write.ts'
import { fourBitFile, noFourBitsOf, openFourBitBase } from '../../node/setup/four-bit-base.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { smallText } from '../roles/swarm.ts'

const YAML = 'name: a\nsequence_len: 16\nload_in_4bit: true\ndatasets:\n  - path: text.txt\n'

/** The embedded base has rows of 192 numbers, those of down of 512. */
const KINDS = [
  'Q8_0',
  ...Array.from({ length: 5 }, () => [...new Array(6).fill('Q4_1'), 'Q4_K']).flat(),
]

/** SHA-256 of the file: kernels/quantise-blocks.ts decides it, on every machine alike. */
const DIGEST = '199aa8bfcd5eaec6feb0276f1e97dc44b8a07c1b1d181e8798327bf235788564'

async function located(yaml = YAML) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'text.txt'), smallText(60))
  return locateRun({ ...parseRunYaml(yaml, 'run.yaml'), folder }, null)
}

test('a plan has it in blocks, with a digest of its own, and leaves nothing behind', async () => {
  const [run, temporary] = [await located(), await temporaryFolder()]
  vi.stubEnv('TMPDIR', temporary)
  await withPlan(run, ({ config, notes, base }) => {
    expect(config.kernels).toEqual({ base: 'blocks', path: 'float32', kinds: KINDS })
    expect(config.base.weights).toEqual({ digest: base.file.digest, bytes: base.file.bytes })
    expect(base.file.digest).toBe(DIGEST)
    // bfloat16 has 16 bits a number.
    expect(base.file.bytes / 4_850_744).toBeLessThan(0.37)
    expect(notes).toEqual([])
    expect(existsSync(base.file.path)).toBe(true)
  })
  expect(readdirSync(temporary)).toEqual([])
})

test('mirrors of what it was made of are told to be of no use', async () => {
  const mirrors = 'base_mirrors: [https://a.example/model.safetensors]\n'
  const run = await located(`${YAML}${mirrors}`)
  await withPlan(run, ({ notes, base }) => {
    expect(notes).toEqual([expect.stringContaining(`run.yaml:6:1 base_mirrors: they must have`)])
    expect(notes[0]).toContain(base.file.digest)
  })
})

async function embedded() {
  const base = await openBaseModel(EMBEDDED_MODEL)
  onTestFinished(base.close)
  return base
}

test('each matrix is that of the base, in the order of its rows, at most 0.08 off', async () => {
  const base = await embedded()
  const stored = await openFourBitBase(base, null)
  onTestFinished(stored.close)
  for (const { name, shape } of weightTensors(base.shape)) {
    const [was, is] = [base, stored].map(({ weights }) => weights.tensor(name).values)
    const square = (sum: number, value: number) => sum + value * value
    const error = was!.map((value, i) => value - is![i]!).reduce(square, 0)
    const bar = shape.length === 1 ? 0 : 0.08 ** 2 * was!.reduce(square, 0)
    expect(error, name).toBeLessThanOrEqual(bar)
  }
})

test('it is made once, says how far it is, and is found by the base alone', async () => {
  const base = await embedded()
  const folder = join(await temporaryFolder(), 'conversions')
  const told: number[] = []
  const conversions: Conversions = {
    folder,
    onProgress(done, total) {
      told.push(done / total)
    },
  }
  const digests: string[] = []
  for (let time = 0; time < 2; time++) {
    const { file, close } = await openFourBitBase(base, conversions)
    close()
    digests.push(file.digest)
  }
  expect(new Set(digests).size).toBe(1)
  expect(readdirSync(folder)).toEqual([`${base.file.digest}-1-${DIGEST}.gguf`])
  expect(told).toEqual(told.toSorted((a, b) => a - b))
  expect([told[0], told.filter((part) => part === 1).length]).toEqual([0, 1])
})

for (const [what, spoil] of [
  ['damaged', (bytes: Uint8Array) => bytes.fill(7, bytes.length - 1000)],
  ['cut short', (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)],
  ['emptied', (bytes: Uint8Array) => bytes.subarray(0, 0)],
] as const) {
  test(`one that was kept and is ${what} is made again`, async () => {
    const base = await embedded()
    const conversions = { folder: await temporaryFolder(), onProgress: () => {} }
    const first = await openFourBitBase(base, conversions)
    first.close()
    writeFileSync(first.file.path, spoil(readFileSync(first.file.path)))
    const again = await openFourBitBase(base, conversions)
    onTestFinished(again.close)
    expect(again.file.digest).toBe(DIGEST)
  })
}

test('what was killed before it was whole is removed a day later', async () => {
  const base = await embedded()
  const folder = await temporaryFolder()
  const [old, recent] = ['part-old', 'part-new'].map((name) => join(folder, name))
  for (const part of [old!, recent!]) mkdirSync(part)
  utimesSync(old!, 0, 0)
  const { close } = await openFourBitBase(base, { folder, onProgress: () => {} })
  close()
  expect([old, recent].map((part) => existsSync(part!))).toEqual([false, true])
})

/** A vocabulary that no piece holds. */
const LARGE: ModelShape = {
  vocabSize: 20_000,
  hiddenSize: 256,
  intermediateSize: 512,
  layerCount: 1,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 64,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  tiedHead: false,
  qkvBias: false,
  headNorm: false,
  ropeDivisors: null,
}

/** Ones, of which no more than so many rows are read at once. */
function source(shape: ModelShape, value = 1) {
  const asked = { most: 0 }
  const shapes = new Map(weightTensors(shape).map((tensor) => [tensor.name, tensor.shape]))
  return {
    asked,
    weights: {
      storage: { base: 'bfloat16' as const },
      quantised: [],
      tensor(name: string) {
        const own = shapes.get(name)!
        expect(own, name).toHaveLength(1)
        return { shape: own, values: new Float32Array(own[0]!).fill(1) }
      },
      rows(name: string, _first: number, count: number) {
        const numbers = count * shapes.get(name)![1]!
        asked.most = Math.max(asked.most, numbers)
        return new Float32Array(numbers).fill(value)
      },
    },
  }
}

test('no more than a million numbers are in memory at once', () => {
  const { weights, asked } = source(LARGE)
  let bytes = 0
  for (const piece of ggufPieces(fourBitFile({ shape: LARGE, weights }))) bytes += piece.length
  expect(asked.most).toBeLessThanOrEqual(2 ** 20)
  expect(asked.most).toBeGreaterThan(2 ** 19)
  expect(bytes).toBeGreaterThan((2 * 20_000 * 256 * 6.5) / 8)
})

test('what blocks cannot hold is refused', () => {
  for (const value of [65_520, Number.NaN]) {
    const { weights } = source(LARGE, value)
    const make = () => [...ggufPieces(fourBitFile({ shape: LARGE, weights }))]
    expect(make).toThrow(ModelError)
    expect(make).toThrow("'model.embed_tokens.weight' as Q6_K as it has values beyond the range")
  }
})

test('rows that fill no blocks stay as they are; where none do, it is said', () => {
  const shape = { ...LARGE, hiddenSize: 66, headDim: 16, intermediateSize: 96 }
  expect(noFourBitsOf(shape)).toBeNull()
  const { tensors } = fourBitFile({ shape, weights: source(shape).weights })
  const types = tensors.map(({ type }) => type)
  const matrices = weightMatrices(shape).length
  expect(types.filter((type) => type === 'BF16')).toHaveLength(matrices - 2)
  expect(types.filter((type) => type === 'Q4_1')).toHaveLength(2)
  const none = { ...shape, headDim: 10, intermediateSize: 100 }
  expect(noFourBitsOf(none)).toContain('rows of the base have 66 or 40 or 100 numbers')
})
