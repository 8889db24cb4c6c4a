import { readFileSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import { type AdapterShape, TARGETS, targetSize } from '../../kernels/shape.ts'
import type { ModelErrorCode } from '../../node/model/errors.ts'
import {
  decodePeftAdapter,
  peftName,
  readPeftAdapter,
  writePeftAdapter,
} from '../../node/model/peft.ts'
import type { RowNorms } from '../../node/model/row-norms.ts'
import { encodeSafetensors, parseSafetensors } from '../../node/model/safetensors.ts'
import { digestOf } from '../../protocol/digest.ts'
import {
  bytesOfBase64,
  bytesOfJson,
  expectModelError,
  TINY_SHAPE,
  temporaryFolder,
  VECTORS,
} from './fixtures.ts'

const BASE = 'b'.repeat(64)
const RUN = { runId: 'c'.repeat(64), base: { name: 'tiny', digest: BASE } }
const ADAPTER: AdapterShape = { adapterRank: 2, alpha: 6, targets: ['q', 'v', 'down'] }

/** Norms that no float32 holds: row i of layer l has i + l + 1 / 3. */
const ROW_NORMS: RowNorms = ({ layer, target }) =>
  Float64Array.from(
    { length: targetSize(TINY_SHAPE, target).outputs },
    (_, row) => row + layer + 1 / 3,
  )

/** Scalar i is i, so that no value can be taken for another. */
function counted(shape: AdapterShape): Float32Array {
  return Float32Array.from({ length: adapterLayout(TINY_SHAPE, shape).count }, (_, i) => i)
}

async function written(shape = ADAPTER, values = counted(shape)) {
  const folder = join(await temporaryFolder(), 'adapter')
  const weights = await writePeftAdapter(folder, {
    model: TINY_SHAPE,
    adapter: shape,
    values,
    run: RUN,
    rowNorms: ROW_NORMS,
  })
  return { folder, values, weights }
}

describe('an adapter that PEFT saved', () => {
  const { config, weights, tensors } = VECTORS.peft
  const adapter = decodePeftAdapter(bytesOfJson(config), bytesOfBase64(weights), {
    model: TINY_SHAPE,
    baseDigest: BASE,
  })

  test('has its rank, alpha and targets', () =>
    expect(adapter.adapterShape).toEqual({ adapterRank: 2, alpha: 6, targets: ['q', 'v', 'down'] }))

  test('has its values, under the names that we would write', () => {
    const layout = adapterLayout(TINY_SHAPE, adapter.adapterShape)
    expect(layout.tensors.map(peftName).sort()).toEqual(Object.keys(tensors))
    for (const tensor of layout.tensors) {
      const { offset, rows, columns } = tensor
      const values = adapter.values.subarray(offset, offset + rows * columns)
      expect([...values], peftName(tensor)).toEqual(tensors[peftName(tensor)])
    }
  })

  test('does not say which base it is for', () =>
    expect(adapter).toMatchObject({ baseDigest: null, runId: null }))
})

describe('an adapter that we write', () => {
  for (const targets of [['q'], ['gate', 'up', 'down'], TARGETS] as const)
    test(`is read back with its base and run: ${targets.join(', ')}`, async () => {
      const shape = { ...ADAPTER, targets }
      const { folder, values } = await written(shape)
      expect(await readPeftAdapter(folder, TINY_SHAPE, BASE)).toEqual({
        adapterShape: shape,
        values,
        baseDigest: BASE,
        runId: RUN.runId,
      })
    })

  test('is a folder with weights and config', async () => {
    const { folder, weights } = await written()
    expect((await readdir(folder)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ])
    expect(weights).toEqual({
      path: join(folder, 'adapter_model.safetensors'),
      digest: digestOf(readFileSync(weights.path)),
    })
  })

  test('has the keys that PEFT expects, and none that old versions refuse', async () => {
    const { folder } = await written()
    const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'tiny',
      r: 2,
      lora_alpha: 6,
      target_modules: ['q_proj', 'v_proj', 'down_proj'],
      use_rslora: false,
    })
    const { header } = parseSafetensors(readFileSync(join(folder, 'adapter_model.safetensors')))
    expect(header.metadata.get('format')).toBe('pt')
    expect(
      header.tensors.get(`base_model.model.model.layers.1.mlp.down_proj.lora_A.weight`),
    ).toMatchObject({ dtype: 'F32', shape: [2, 12] })
    expect(Object.keys(config).filter((key) => !(key in VECTORS.peft.config))).toEqual([])
  })

  test('writes the same bytes again over what was there', async () => {
    const { folder, values, weights } = await written()
    const again = await writePeftAdapter(folder, {
      model: TINY_SHAPE,
      adapter: ADAPTER,
      values,
      run: RUN,
      rowNorms: ROW_NORMS,
    })
    expect(again).toEqual(weights)
  })
})

describe('magnitudes', () => {
  const DORA: AdapterShape = { ...ADAPTER, variant: 'dora' }
  const { tensors, count } = adapterLayout(TINY_SHAPE, DORA)
  const magnitudes = tensors.filter(({ part }) => part === 'M')
  const values = counted(DORA).map((value) => value / count / 1e7)
  const norm = (tensor: (typeof tensors)[number], row: number) => ROW_NORMS(tensor)[row]!
  const own = (all: Float32Array, { offset, rows }: (typeof tensors)[number]) => [
    ...all.subarray(offset, offset + rows),
  ]

  async function changedFile(change: (name: string, stored: Float32Array) => Float32Array | null) {
    const { folder } = await written(DORA, values)
    const path = join(folder, 'adapter_model.safetensors')
    const file = parseSafetensors(readFileSync(path))
    const changed = [...file.header.tensors].flatMap(([name, { shape }]) => {
      const kept = change(name, file.tensor(name).values)
      return kept === null ? [] : [{ name, shape, values: kept }]
    })
    writeFileSync(path, encodeSafetensors(changed, { format: 'pt' }))
    return folder
  }

  test("are written as PEFT's, and read back to the last bit", async () => {
    const { folder, weights } = await written(DORA, values)
    const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
    expect(config.use_dora).toBe(true)
    const file = parseSafetensors(readFileSync(weights.path))
    expect(magnitudes.length).toBe(3 * TINY_SHAPE.layerCount)
    for (const tensor of magnitudes) {
      const stored = file.tensor(peftName(tensor)).values
      const expected = own(values, tensor).map((value, row) =>
        Math.fround(value + norm(tensor, row)),
      )
      expect([...stored]).toEqual(expected)
      const rounded = stored.map((value, row) => value - norm(tensor, row))
      expect([...rounded]).not.toEqual(own(values, tensor))
    }
    for (const rowNorms of [ROW_NORMS, null]) {
      const read = await readPeftAdapter(folder, TINY_SHAPE, BASE, rowNorms)
      expect(read).toMatchObject({ adapterShape: DORA, values })
    }
  })

  test('of a file that PEFT wrote are what they leave over the norms', async () => {
    const folder = await changedFile((name, stored) => (/difference/.test(name) ? null : stored))
    const read = await readPeftAdapter(folder, TINY_SHAPE, BASE, ROW_NORMS)
    for (const tensor of tensors) {
      const { offset, rows, columns, part } = tensor
      const got = read.values.subarray(offset, offset + rows * columns)
      const expected = values.subarray(offset, offset + rows * columns)
      if (part !== 'M') expect(got).toEqual(expected)
      else {
        const stored = [...expected].map((value, row) => Math.fround(value + norm(tensor, row)))
        expect([...got]).toEqual(stored.map((value, row) => Math.fround(value - norm(tensor, row))))
      }
    }
    await expectModelError(() => readPeftAdapter(folder, TINY_SHAPE, BASE), 'unsupported', [
      'lora_magnitude_vector',
      'without its base',
    ])
  })

  test('that were changed since are what counts, whatever stands beside them', async () => {
    const folder = await changedFile((name, stored) =>
      /magnitude_vector/.test(name) ? stored.map((value) => 2 * value) : stored,
    )
    const read = await readPeftAdapter(folder, TINY_SHAPE, BASE, ROW_NORMS)
    for (const tensor of magnitudes) {
      const learned = own(read.values, tensor)
      for (const [row, value] of learned.entries()) expect(value).toBeCloseTo(norm(tensor, row), 5)
    }
  })
})

describe('an adapter of another base is refused', () => {
  const check = async (
    model: typeof TINY_SHAPE,
    baseDigest: string,
    words: readonly string[],
  ): Promise<void> => {
    const { folder } = await written()
    await expectModelError(() => readPeftAdapter(folder, model, baseDigest), 'other-base', words)
  }
  const module = 'base_model.model.model.layers'

  test('by the digest of its weights', () =>
    check(TINY_SHAPE, 'e'.repeat(64), ['b'.repeat(64), 'e'.repeat(64)]))
  test('that is wider', () =>
    check({ ...TINY_SHAPE, hiddenSize: 16 }, BASE, [
      `${module}.0.self_attn.q_proj.lora_A.weight`,
      '(2,16)',
      '(2,8)',
    ]))
  test('that has more key/value heads', () =>
    check({ ...TINY_SHAPE, kvHeadCount: 2 }, BASE, ['v_proj.lora_B.weight', '(8,2)', '(4,2)']))
  test('that is deeper', () =>
    check({ ...TINY_SHAPE, layerCount: 3 }, BASE, [`${module}.2.self_attn.q_proj`, 'missing']))
  test('that has fewer layers', () =>
    check({ ...TINY_SHAPE, layerCount: 1 }, BASE, [`${module}.1.self_attn.q_proj`, 'no place']))
})

describe('an adapter of another kind is refused by name', () => {
  const check = (fields: object, code: ModelErrorCode, word: string) =>
    expectModelError(
      () =>
        decodePeftAdapter(
          bytesOfJson({ ...VECTORS.peft.config, ...fields }),
          bytesOfBase64(VECTORS.peft.weights),
          { model: TINY_SHAPE, baseDigest: BASE },
        ),
      code,
      [word],
    )

  const rows: [object, ModelErrorCode][] = [
    [{ peft_type: 'IA3' }, 'unsupported'],
    [{ peft_type: undefined }, 'malformed'],
    [{ use_dora: true }, 'other-base'],
    [{ bias: 'all' }, 'unsupported'],
    [{ lora_bias: true }, 'unsupported'],
    [{ fan_in_fan_out: true }, 'unsupported'],
    [{ init_lora_weights: 'pissa' }, 'unsupported'],
    [{ modules_to_save: ['lm_head'] }, 'unsupported'],
    [{ rank_pattern: { '(q|v)*_proj': 4 } }, 'unsupported'],
    [{ alpha_pattern: { 'q_proj(?=x)': 4 } }, 'unsupported'],
    [{ alpha_pattern: { '.*.*.*q_proj': 4 } }, 'unsupported'],
    [{ rank_pattern: { q_proj: 1e6 } }, 'malformed'],
    [{ layers_to_transform: [2] }, 'unsupported'],
    [{ layers_to_transform: 'all' }, 'malformed'],
    [{ layers_pattern: 'blocks' }, 'unsupported'],
    [{ rank_pattern: { v_proj: 4 } }, 'other-base'],
    [{ layers_to_transform: [1] }, 'other-base'],
    [{ target_modules: 'all-linear' }, 'unsupported'],
    [{ target_modules: ['q_proj', 'lm_head'] }, 'unsupported'],
    [{ target_modules: [] }, 'unsupported'],
    [{ r: 0 }, 'malformed'],
    [{ r: 1e6 }, 'malformed'],
    [{ lora_alpha: 'much' }, 'malformed'],
    [{ r: 4 }, 'other-base'],
  ]
  for (const [fields, code] of rows) {
    const word = code === 'other-base' ? 'lora_' : Object.keys(fields)[0]!
    test(JSON.stringify(fields), () => check(fields, code, word))
  }

  test('rank and alpha default to those of PEFT', () =>
    check({ r: undefined, lora_alpha: undefined }, 'other-base', '(8,8)'))
})

test('a folder that is no adapter names the file it lacks', async () => {
  const folder = await temporaryFolder()
  await expectModelError(() => readPeftAdapter(folder, TINY_SHAPE, BASE), 'missing', [
    join(folder, 'adapter_config.json'),
  ])
})
