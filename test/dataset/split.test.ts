import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HELD_OUT_BLOCK, splitInBlocks } from '../../node/dataset/split.ts'

const ascending = (numbers: number[]) => [...numbers].sort((a, b) => a - b)

test('every sequence is in one part, and as many are held out as asked for', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), fc.nat(), (total, wanted, seed) => {
      const held = Math.min(total, wanted)
      const { train, validation } = splitInBlocks(total, held, seed)
      expect(validation.length).toBe(held)
      expect(ascending([...train, ...validation])).toEqual(
        Array.from({ length: total }, (_, i) => i),
      )
    }),
  )
})

test('held-out sequences are neighbours, in the order of the text', () => {
  const { validation } = splitInBlocks(1000, 5 * HELD_OUT_BLOCK, 3)
  expect(validation).toEqual(ascending(validation))
  const blocks = new Set(validation.map((index) => Math.floor(index / HELD_OUT_BLOCK)))
  expect(blocks.size).toBe(5)
})

describe('the seed decides', () => {
  const split = (seed: number) => splitInBlocks(200, 16, seed)

  test('the same seed splits the same way', () => expect(split(1)).toEqual(split(1)))
  test('another seed holds out others', () =>
    expect(split(1).validation).not.toEqual(split(2).validation))
  test('training is shuffled', () => expect(split(1).train).not.toEqual(ascending(split(1).train)))
  test('in this order, for ever', () =>
    // Computed by a second implementation, in Python.
    expect(splitInBlocks(20, 8, 1)).toEqual({
      validation: [8, 9, 10, 11, 12, 13, 14, 15],
      train: [19, 7, 1, 16, 3, 17, 6, 18, 2, 0, 5, 4],
    }))
})
