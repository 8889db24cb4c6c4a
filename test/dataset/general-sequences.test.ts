/** The general text, as a run evaluates it. */
import { expect, test } from 'vitest'
import { generalSequences } from '../../node/dataset/general-sequences.ts'
import { GENERAL_TEXT } from '../../node/dataset/general-text.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import { exampleConfig } from '../protocol/example-config.ts'

const tokenizer = await openTokenizer(EMBEDDED_MODEL)
const targetsOf = (text: string) => tokenizer.encodeWhole(text).length - 1

function sequencesOf(sequenceLength: number, validationSequences: number) {
  const { base, dataset } = exampleConfig()
  const vocabSize = tokenizer.vocabSize
  return generalSequences(tokenizer, {
    base: { ...base, shape: { ...base.shape, vocabSize } },
    dataset: { ...dataset, sequenceLength, validationSequences },
  })
}

test('there are forty passages, each its own, in less than 32 kB', () => {
  expect(new Set(GENERAL_TEXT).size).toBe(40)
  expect(Buffer.byteLength(GENERAL_TEXT.join(''))).toBeLessThan(32_000)
})

for (const sequenceLength of [16, 32, 512]) {
  test(`in sequences of ${sequenceLength} all tokens but first ones are targets once`, () => {
    const { tokens, targets, starts } = sequencesOf(sequenceLength, 10_000)
    const counted = targets.filter((target) => target >= 0)
    expect(counted).toHaveLength(GENERAL_TEXT.reduce((sum, text) => sum + targetsOf(text), 0))
    expect(tokens.length % sequenceLength).toBe(0)
    expect(starts.length).toBeGreaterThanOrEqual(GENERAL_TEXT.length)
  })
}

for (const [heldOut, watched] of [
  [1, 4],
  [9, 9],
] as const) {
  test(`where ${heldOut} sequences are held out, ${watched} are watched`, () => {
    expect(sequencesOf(32, heldOut).tokens).toHaveLength(watched * 32)
  })
}
