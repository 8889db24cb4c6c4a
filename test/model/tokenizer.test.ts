import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import type { ModelErrorCode } from '../../node/model/errors.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { bytesOfJson, expectModelError, temporaryFolder, VECTORS } from './fixtures.ts'

const TOKENIZER = readFileSync(join(EMBEDDED_MODEL, 'tokenizer.json'))
const CONFIG = readFileSync(join(EMBEDDED_MODEL, 'tokenizer_config.json'))
const embedded = tokenizerFromBytes(TOKENIZER, CONFIG)

for (const { text, ids } of VECTORS.tokenizer)
  test(`${JSON.stringify(text)} has the ids of the Rust tokenizers`, () => {
    expect([...embedded.encode(text)]).toEqual(ids)
    expect(embedded.decode(ids)).toBe(text)
  })

/** Made by test/vectors/make-tokenizers.py: one of each way to cut a text, on a hard corpus. */
const WAYS: Record<string, { tokenizer: object; cases: { text: string; ids: number[] }[] }> =
  JSON.parse(readFileSync(new URL('../vectors/tokenizers.json', import.meta.url), 'utf8'))

for (const [way, { tokenizer: json, cases }] of Object.entries(WAYS)) {
  const eos_token = way === 'sentencepiece' ? '</s>' : '<|endoftext|>'
  const tokenizer = tokenizerFromBytes(bytesOfJson(json), bytesOfJson({ eos_token }))
  for (const { text, ids } of cases) {
    test(`${way}: ${JSON.stringify(text).slice(0, 40)} has the ids of the Rust tokenizers`, () =>
      expect([...tokenizer.encode(text)]).toEqual(ids))
  }
}

test('any text survives', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  fc.assert(
    fc.property(text, (written) => {
      const ids = embedded.encode(written)
      expect(ids.every((id) => id >= 0 && id < embedded.vocabSize)).toBe(true)
      expect(embedded.decode(ids)).toBe(written)
    }),
  )
})

test('the embedded tokenizer ends a text with <|endoftext|>', async () => {
  const { eosId, vocabSize, decode } = await openTokenizer(EMBEDDED_MODEL)
  expect({ eosId, vocabSize, text: decode([eosId]) }).toEqual({
    eosId: 0,
    vocabSize: 2048,
    text: '<|endoftext|>',
  })
})

test('a special token may be an object with its text', () => {
  const config = bytesOfJson({ eos_token: { content: '<|endoftext|>', lstrip: false } })
  expect(tokenizerFromBytes(TOKENIZER, config).eosId).toBe(0)
})

describe('a tokenizer that cannot be used is refused', () => {
  const check = (
    tokenizer: Uint8Array,
    config: Uint8Array,
    code: ModelErrorCode,
    words: readonly string[],
  ) => expectModelError(() => tokenizerFromBytes(tokenizer, config), code, words)

  test('no JSON', () => check(Uint8Array.of(0x7b), CONFIG, 'malformed', ['tokenizer.json']))
  test('no model', () => check(bytesOfJson({}), CONFIG, 'malformed', ['tokenizer.json', 'model']))
  test('a model of a kind that nobody knows', () =>
    check(bytesOfJson({ model: { type: 'Telepathy' } }), CONFIG, 'unsupported', ['"Telepathy"']))
  test('no end of text', () =>
    check(TOKENIZER, bytesOfJson({}), 'malformed', ['tokenizer_config.json', 'eos_token']))
  test('an end of text that is no token', () =>
    check(TOKENIZER, bytesOfJson({ eos_token: '</s>' }), 'malformed', ["'</s>'"]))

  test('a file that is not there', async () => {
    const folder = await temporaryFolder()
    writeFileSync(join(folder, 'tokenizer.json'), TOKENIZER)
    await expectModelError(() => openTokenizer(folder), 'missing', ['tokenizer_config.json'])
  })
})
