import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeShard,
  encodeShard,
  type SequenceToWrite,
  type ShardFormat,
  sequenceBytes,
  tokenBytesFor,
} from '../../node/dataset/shards.ts'
import { ProtocolError } from '../../protocol/index.ts'

const SMALL: ShardFormat = { sequenceLength: 3, tokenBytes: 2, layout: 'stream', vocabSize: 1000 }
const LARGE: ShardFormat = { ...SMALL, tokenBytes: 4, vocabSize: 100_000 }
const IDS = Int32Array.of(1, 2, 3, 4, 4, 999, 0, 258)

/** Rows of S + 1 ids, without flags. */
function rowsOf(ids: Int32Array, { sequenceLength }: ShardFormat): SequenceToWrite[] {
  const stride = sequenceLength + 1
  return Array.from({ length: ids.length / stride }, (_, row) => ({
    ids: ids.subarray(row * stride, (row + 1) * stride),
    counted: new Uint8Array(0),
    starts: new Uint8Array(0),
    rejected: new Uint8Array(0),
  }))
}

const encode = (ids: Int32Array, format: ShardFormat) => encodeShard(rowsOf(ids, format), format)

describe('the bytes of a shard', () => {
  for (const [format, expected] of [
    [SMALL, '0100020003000400' + '0400e70300000201'],
    [LARGE, '01000000020000000300000004000000' + '04000000e70300000000000002010000'],
  ] as const)
    test(`of ${format.tokenBytes} bytes a token are little-endian ids and nothing else`, () =>
      expect(Buffer.from(encode(IDS, format)).toString('hex')).toBe(expected))

  for (const [vocabSize, expected] of [
    [2048, 2],
    [65_536, 2],
    [65_537, 4],
  ] as const)
    test(`a vocabulary of ${vocabSize} takes ${expected} bytes a token`, () =>
      expect(tokenBytesFor(vocabSize)).toBe(expected))
})

describe('sequences of a shard', () => {
  const check = (first: number, count: number, tokens: number[], targets: number[]) => {
    for (const format of [SMALL, LARGE]) {
      const shard = decodeShard(encode(IDS, format), format)
      expect(shard.sequenceCount).toBe(2)
      expect(shard.sequences(first, count)).toEqual({
        tokens: Int32Array.from(tokens),
        targets: Int32Array.from(targets),
        starts: new Int32Array(0),
      })
    }
  }
  for (const [first, count, tokens, targets] of [
    [0, 2, [1, 2, 3, 4, 999, 0], [2, 3, 4, 999, 0, 258]],
    [0, 1, [1, 2, 3], [2, 3, 4]],
    [1, 1, [4, 999, 0], [999, 0, 258]],
    [2, 0, [], []],
  ] as const)
    test(`${count} from ${first}`, () => check(first, count, [...tokens], [...targets]))

  for (const [first, count] of [
    [-1, 1],
    [0, 3],
    [2, 1],
    [1, -1],
  ] as const)
    test(`${count} from ${first} are not there`, () => {
      const shard = decodeShard(encode(IDS, SMALL), SMALL)
      expect(() => shard.sequences(first, count)).toThrow(ProtocolError)
    })
})

describe('bytes from the network are refused', () => {
  const check = (bytes: Uint8Array, format: ShardFormat, word: string) => {
    const decode = () => decodeShard(bytes, format)
    expect(decode).toThrow(ProtocolError)
    expect(decode).toThrow(word)
  }
  const shard = encode(IDS, SMALL)

  test('none', () => check(new Uint8Array(0), SMALL, 'multiple of 8 bytes: current value is 0'))
  for (const length of [1, 7, 9, 15])
    test(`${length} of 16`, () => check(shard.subarray(0, length), SMALL, `value is ${length}`))
  test('sequences of another length', () =>
    check(shard, { ...SMALL, sequenceLength: 4 }, '10 bytes'))
  test('an id beyond the vocabulary', () =>
    check(shard, { ...SMALL, vocabSize: 999 }, 'below 999: one is 999'))
  test('an id beyond 2^31', () => {
    const bytes = new Uint8Array(sequenceBytes(LARGE)).fill(0xff)
    check(bytes, LARGE, 'one is 4294967295')
  })
})

test('any ids of any format come back', () => {
  const format = fc.record({
    sequenceLength: fc.integer({ min: 1, max: 9 }),
    tokenBytes: fc.constantFrom(2 as const, 4 as const),
    layout: fc.constant('stream' as const),
    vocabSize: fc.integer({ min: 2, max: 65_536 }),
  })
  const cases = format.chain((of) =>
    fc.integer({ min: 1, max: 5 }).chain((count) =>
      fc.record({
        of: fc.constant(of),
        ids: fc.array(fc.nat(of.vocabSize - 1), {
          minLength: count * (of.sequenceLength + 1),
          maxLength: count * (of.sequenceLength + 1),
        }),
        offset: fc.nat(3),
      }),
    ),
  )
  fc.assert(
    fc.property(cases, ({ of, ids, offset }) => {
      const encoded = encode(Int32Array.from(ids), of)
      // A frame hands over a part of its buffer, at any byte.
      const frame = new Uint8Array(offset + encoded.length)
      frame.set(encoded, offset)
      const shard = decodeShard(frame.subarray(offset), of)
      const { tokens, targets } = shard.sequences(0, shard.sequenceCount)
      const stride = of.sequenceLength + 1
      expect([...tokens]).toEqual(ids.filter((_, i) => i % stride !== of.sequenceLength))
      expect([...targets]).toEqual(ids.filter((_, i) => i % stride !== 0))
    }),
  )
})

describe('sequences of documents', () => {
  const format: ShardFormat = { ...SMALL, layout: 'documents' }
  const sequences: SequenceToWrite[] = [
    {
      ids: Int32Array.of(1, 2, 3, 4),
      counted: Uint8Array.of(0, 1, 1),
      starts: Uint8Array.of(1, 0, 0),
      rejected: Uint8Array.of(1, 0, 0),
    },
    {
      ids: Int32Array.of(5, 6, 7, 8),
      counted: Uint8Array.of(1, 0, 0),
      starts: Uint8Array.of(1, 0, 1),
      rejected: Uint8Array.of(0, 0, 1),
    },
  ]
  const bytes = encodeShard(sequences, format)

  test('have two bits a token behind their ids', () =>
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0100020003000400' + '0601' + '0500060007000800' + '0105',
    ))
  test('come back with what counts and what begins', () =>
    expect(decodeShard(bytes, format).sequences(0, 2)).toEqual({
      tokens: Int32Array.of(1, 2, 3, 5, 6, 7),
      targets: Int32Array.of(-1, 3, 4, 6, -1, -1),
      starts: Int32Array.of(0, 3, 5),
    }))
  test('are counted from the first that is asked for', () =>
    expect(decodeShard(bytes, format).sequences(1, 1)).toEqual({
      tokens: Int32Array.of(5, 6, 7),
      targets: Int32Array.of(6, -1, -1),
      starts: Int32Array.of(0, 2),
    }))
})
