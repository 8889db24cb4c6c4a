/** What a reader asks of a model: no token twice, and no more than its context holds. */
import { describe, expect, test } from 'vitest'
import type { Generator as TextGenerator } from '../../kernels/generator.ts'
import { createReader } from '../../node/compute/reader.ts'
import type { GenerateInput } from '../../node/compute/task.ts'

const VOCABULARY = 16
const CONTEXT_MAX = 8

/** A model that counts: the likeliest word after n is n + 1. Tells what it was asked to do. */
function countingModel() {
  let context: number[] = []
  const asked: string[] = []
  return {
    asked,
    /** What was asked since the last look. */
    look: () => asked.splice(0).join(' '),
    generator: {
      get length() {
        return context.length
      },
      load(adapter: Float32Array | null) {
        context = []
        asked.push(`load:${adapter === null ? 'base' : adapter.join()}`)
      },
      extend(tokens: Int32Array) {
        context.push(...tokens)
        asked.push(`read:${tokens.join()}`)
        return logitsAfter(context.at(-1)!)
      },
      score(tokens: Int32Array, targets: Int32Array) {
        asked.push(`score:${tokens.length}`)
        context.push(...tokens)
        return {
          losses: Float64Array.from(targets, () => 1),
          hits: Uint8Array.from(targets, (target, i) => Number(target === tokens[i]! + 1)),
        }
      },
      rewind(length: number) {
        if (length < context.length) asked.push(`keep:${length}`)
        context.length = length
      },
    },
  }
}

function logitsAfter(token: number): Float32Array {
  return Float32Array.from({ length: VOCABULARY }, (_, id) => Number(id === token + 1))
}

const INPUT: GenerateInput = {
  adapter: null,
  prompt: Int32Array.of(3, 4, 5),
  tokensMax: 3,
  sampling: { temperature: 0, topK: 0, topP: 1 },
  seed: 1,
  stopIds: [],
}

function setUp() {
  const model = countingModel()
  const reader = createReader(model.generator as unknown as TextGenerator, CONTEXT_MAX)
  const write = (input: Partial<GenerateInput> = {}) =>
    [...reader.generate({ ...INPUT, ...input })].filter((id) => id !== null)
  return { model, reader, write }
}

describe('what is written', () => {
  for (const [what, input, written] of [
    ['goes on from the prompt', {}, [6, 7, 8]],
    ['ends before a stop id', { stopIds: [8] }, [6, 7]],
    ['is nothing where nothing is asked for', { tokensMax: 0 }, []],
    ['begins with a stop id never', { stopIds: [6] }, []],
    ['goes on when the context is full', { tokensMax: 9 }, [6, 7, 8, 9, 10, 11, 12, 13, 14]],
  ] as [string, Partial<GenerateInput>, number[]][]) {
    test(what, () => expect(setUp().write(input)).toEqual(written))
  }
})

describe('what is read', () => {
  for (const [what, inputs, asked] of [
    ['each token once', [{}], ['load:base read:3,4,5 read:6 read:7']],
    [
      'only what is new in the next turn of a talk',
      [{ tokensMax: 1 }, { prompt: Int32Array.of(3, 4, 5, 6, 9), tokensMax: 1 }],
      ['load:base read:3,4,5', 'read:6,9'],
    ],
    [
      'the last token again where the prompt is the same',
      [{ tokensMax: 1 }, { tokensMax: 1 }],
      ['load:base read:3,4,5', 'keep:2 read:5'],
    ],
    [
      'all of it by another adapter',
      [{ tokensMax: 1 }, { adapter: Float32Array.of(1), tokensMax: 1 }],
      ['load:base read:3,4,5', 'load:1 read:3,4,5'],
    ],
    [
      'nothing anew by an adapter of the same values',
      [
        { adapter: Float32Array.of(1), tokensMax: 1 },
        { adapter: Float32Array.of(1), prompt: Int32Array.of(3, 4, 5, 6), tokensMax: 1 },
      ],
      ['load:1 read:3,4,5', 'read:6'],
    ],
    [
      'the end of a prompt that is longer than the context',
      [{ prompt: Int32Array.from({ length: 10 }, (_, i) => i), tokensMax: 1 }],
      ['load:base read:2,3,4,5,6,7,8,9'],
    ],
  ] as [string, Partial<GenerateInput>[], string[]][]) {
    test(what, () => {
      const { model, write } = setUp()
      const told = inputs.map((input) => {
        write(input)
        return model.look()
      })
      expect(told).toEqual(asked)
    })
  }
})

test('a full context forgets its older half', () => {
  const { model, write } = setUp()
  write({ prompt: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8), tokensMax: 2 })
  expect(model.look()).toBe('load:base read:1,2,3,4,5,6,7,8 keep:0 read:6,7,8,9')
})

test('a text is scored from an empty context, in pieces, and each is told', () => {
  const { model, reader } = setUp()
  const tokens = Int32Array.from({ length: 300 }, (_, i) => i % 8)
  const targets = tokens.map((id) => id + 1)
  const parts = [...reader.score({ adapter: null, tokens, targets })]
  expect(parts.map(({ losses }) => losses.length)).toEqual([128, 128, 44])
  expect(parts.every(({ hits }) => hits.every((hit) => hit === 1))).toBe(true)
  expect(model.look()).toBe('load:base score:128 score:128 score:44')
})

test('what texts begin with alike is read once, as far as nothing is asked of it', () => {
  const { model, reader } = setUp()
  const score = (tokens: number[], targets: number[], adapter: Float32Array | null = null) => {
    const input = { adapter, tokens: Int32Array.from(tokens), targets: Int32Array.from(targets) }
    const parts = [...reader.score(input)]
    const losses = parts.flatMap((part) => [...part.losses])
    return `${losses.length} losses, ${model.look()}`
  }
  expect(score([1, 2, 3, 4], [-1, -1, 4, 5])).toBe('4 losses, load:base score:4')
  expect(score([1, 2, 3, 7], [-1, -1, 7, 8])).toBe('4 losses, keep:2 score:2')
  expect(score([1, 2, 9], [-1, -1, 4])).toBe('3 losses, keep:2 score:1')
  // What is asked of a token needs its logits, whatever is kept.
  expect(score([1, 2, 9], [2, 9, 4])).toBe('3 losses, keep:0 score:3')
  expect(score([1, 2], [-1, 3], Float32Array.of(1))).toBe('2 losses, load:1 score:2')
})

test('a task without an adapter has that of the task before', () => {
  const { model, reader, write } = setUp()
  const [tokens, targets] = [Int32Array.of(1, 2), Int32Array.of(-1, 3)]
  expect(() => [...reader.score({ tokens, targets })]).toThrow('no task had an adapter yet')
  const losses = [...reader.score({ adapter: Float32Array.of(1), tokens, targets })]
  expect(model.look()).toBe('load:1 score:2')
  expect([...reader.score({ tokens, targets })].at(-1)!.losses).toEqual(losses[0]!.losses.slice(1))
  expect(model.look()).toBe('keep:1 score:1')
  reader.logits({ tokens })
  const { adapter: _, ...rest } = INPUT
  expect([...reader.generate({ ...rest, tokensMax: 1 })].at(-1)).toBe(6)
  expect(model.look()).toBe('keep:0 read:1,2 keep:0 read:3,4,5')
  write({ tokensMax: 1 })
  expect(model.look()).toBe('load:base read:3,4,5')
})

test('logits are those after the last token, and what was read for them is kept', () => {
  const { model, reader, write } = setUp()
  const logits = reader.logits({ adapter: null, tokens: Int32Array.of(3, 4, 5) })
  expect(logits.indexOf(1)).toBe(6)
  expect(model.look()).toBe('load:base read:3,4,5')
  expect(write({ prompt: Int32Array.of(3, 4, 5, 6), tokensMax: 1 })).toEqual([7])
  expect(model.look()).toBe('read:6')
})
