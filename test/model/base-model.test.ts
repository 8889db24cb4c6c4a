import { createHash } from 'node:crypto'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { weightTensors } from '../../kernels/weights.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { ModelError, type ModelErrorCode } from '../../node/model/errors.ts'
import { INDEX_FILE } from '../../node/model/joined-shards.ts'
import { encodeSafetensors, parseSafetensors } from '../../node/model/safetensors.ts'
import { bytesOfJson, expectModelError, TINY_SHAPE, temporaryFolder } from './fixtures.ts'

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('the embedded model', () => {
  async function opened() {
    const model = await openBaseModel(EMBEDDED_MODEL)
    onTestFinished(model.close)
    return model
  }

  test('has 1 to 3 million parameters in at most 8 MB', async () => {
    const { shape } = await opened()
    const count = weightTensors(shape)
      .map((tensor) => tensor.shape.reduce((product, size) => product * size, 1))
      .reduce((sum, size) => sum + size, 0)
    expect(count).toBeGreaterThan(1e6)
    expect(count).toBeLessThan(3e6)
    const files = await readdir(EMBEDDED_MODEL)
    const sizes = await Promise.all(files.map((file) => stat(join(EMBEDDED_MODEL, file))))
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(8e6)
  })

  test('takes every path of the kernels: grouped queries, a tied head', async () => {
    const { shape } = await opened()
    expect(shape.kvHeadCount).toBeLessThan(shape.headCount)
    expect(shape.tiedHead).toBe(true)
  })

  test('is known by the digests of its weights and its tokenizer', async () => {
    const { file, tokenizerDigest } = await opened()
    expect(file.digest).toBe(sha256(file.path))
    expect(file.bytes).toBe(readFileSync(file.path).length)
    expect(tokenizerDigest).toBe(sha256(join(EMBEDDED_MODEL, 'tokenizer.json')))
  })

  test('has finite weights, the same from disk and from the bytes of its file', async () => {
    const { shape, file, weights } = await opened()
    const received = weightsFromBytes(shape, readFileSync(file.path))
    for (const { name, shape: expected } of weightTensors(shape)) {
      const tensor = weights.tensor(name)
      expect(tensor.shape, name).toEqual(expected)
      expect(tensor.values.every(Number.isFinite), name).toBe(true)
      expect(received.tensor(name), name).toEqual(tensor)
    }
  })
})

/** The embedded model with its weights in two files, and an index of them. */
async function sharded(at = 3) {
  const folder = await temporaryFolder()
  cpSync(EMBEDDED_MODEL, folder, { recursive: true })
  const { tensor, header } = parseSafetensors(readFileSync(join(folder, 'model.safetensors')))
  rmSync(join(folder, 'model.safetensors'))
  const names = [...header.tensors.keys()]
  const parts = { a: names.slice(0, at), b: names.slice(at) }
  const map: Record<string, string> = {}
  for (const [part, own] of Object.entries(parts)) {
    const tensors = own.map((name) => ({ name, ...tensor(name) }))
    writeFileSync(join(folder, `${part}.safetensors`), encodeSafetensors(tensors, {}))
    for (const name of own) map[name] = `${part}.safetensors`
  }
  writeFileSync(join(folder, INDEX_FILE), bytesOfJson({ weight_map: map }))
  return { folder, map }
}

test('weights in several files are one file, however they were split', async () => {
  const [first, second] = [await sharded(3), await sharded(11)]
  const [a, b, whole] = [
    await openBaseModel(first.folder),
    await openBaseModel(second.folder),
    await openBaseModel(EMBEDDED_MODEL),
  ]
  expect(a.file.digest).toBe(b.file.digest)
  const pieces: Uint8Array[] = []
  for await (const piece of a.pieces()) pieces.push(piece)
  const received = weightsFromBytes(a.shape, Buffer.concat(pieces))
  expect(createHash('sha256').update(Buffer.concat(pieces)).digest('hex')).toBe(a.file.digest)
  for (const { name } of weightTensors(a.shape)) {
    expect(received.tensor(name), name).toEqual(whole.weights.tensor(name))
  }
  for (const model of [a, b, whole]) model.close()
})

describe('a folder that is no base model', () => {
  async function check(
    spoil: (folder: string) => void,
    code: ModelErrorCode,
    words: readonly string[],
  ): Promise<void> {
    const folder = await temporaryFolder()
    cpSync(EMBEDDED_MODEL, folder, { recursive: true })
    spoil(folder)
    await expectModelError(() => openBaseModel(folder), code, words)
  }

  for (const file of ['config.json', 'model.safetensors', 'tokenizer.json'])
    test(`without ${file}`, () =>
      check((folder) => rmSync(join(folder, file)), 'missing', [file, 'Hugging Face layout']))

  test('that is not there', () =>
    expectModelError(() => openBaseModel('nowhere'), 'missing', [join('nowhere', 'config.json')]))

  for (const [what, spoil, ...words] of [
    ['that lacks one', (map) => ({ ...map, 'model.norm.weight': 'absent.safetensors' }), 'absent'],
    ['elsewhere', (map) => ({ ...map, 'model.norm.weight': '../b.safetensors' }), 'no file beside'],
    ['without a tensor', ({ 'model.norm.weight': _, ...map }) => map, 'its files hold'],
    ['with one too many', (map) => ({ ...map, more: 'a.safetensors' }), 'its files hold'],
  ] as [string, (map: Record<string, string>) => object, ...string[]][])
    test(`with shards ${what}`, async () => {
      const { folder, map } = await sharded()
      writeFileSync(join(folder, INDEX_FILE), bytesOfJson({ weight_map: spoil(map) }))
      const error = await openBaseModel(folder).catch((thrown: Error) => thrown)
      expect(error).toBeInstanceOf(ModelError)
      for (const word of words) expect((error as Error).message).toContain(word)
    })

  test('with the weights of another model', () =>
    check(
      (folder) => {
        const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
        writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, vocab_size: 4096 }))
      },
      'malformed',
      ["'model.embed_tokens.weight'", '(4096,192)', '(2048,192)'],
    ))

  test('with a config of another architecture', () =>
    check(
      (folder) =>
        writeFileSync(
          join(folder, 'config.json'),
          bytesOfJson({ architectures: ['Phi3ForCausalLM'] }),
        ),
      'unsupported',
      ['Phi3ForCausalLM'],
    ))
})

describe('weights from bytes', () => {
  const tensors = weightTensors(TINY_SHAPE).map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  }))
  const check = (list: typeof tensors, code: ModelErrorCode, word: string) =>
    expectModelError(() => weightsFromBytes(TINY_SHAPE, encodeSafetensors(list, {})), code, [word])

  test('are taken with tensors to spare, such as a second copy of a tied head', () => {
    const spare = { name: 'lm_head.weight', shape: [1], values: new Float32Array(1) }
    const weights = weightsFromBytes(TINY_SHAPE, encodeSafetensors([...tensors, spare], {}))
    expect(weights.tensor('model.norm.weight').shape).toEqual([8])
  })

  for (const { name } of tensors)
    test(`without ${name} are refused`, () =>
      check(
        tensors.filter((tensor) => tensor.name !== name),
        'missing',
        name,
      ))

  test('without the head of an untied model are refused', () =>
    expectModelError(
      () => weightsFromBytes({ ...TINY_SHAPE, tiedHead: false }, encodeSafetensors(tensors, {})),
      'missing',
      ["'lm_head.weight'"],
    ))

  test('in another shape are refused', () => {
    const turned = tensors.map((tensor) => ({ ...tensor, shape: [...tensor.shape].reverse() }))
    return check(turned, 'malformed', '(8,12)')
  })

  test('need nothing but config.json and model.safetensors', () => {
    const config = readFileSync(join(EMBEDDED_MODEL, 'config.json'))
    const weights = readFileSync(join(EMBEDDED_MODEL, 'model.safetensors'))
    const { shape } = parseModelConfig(config)
    const { values } = weightsFromBytes(shape, weights).tensor('model.embed_tokens.weight')
    expect(values.length).toBe(shape.vocabSize * shape.hiddenSize)
  })
})
