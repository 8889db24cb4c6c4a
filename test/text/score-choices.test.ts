/** Questions with choices, scored from log-likelihoods that a table gives. */
import { expect, test } from 'vitest'
import type { Batch } from '../../kernels/index.ts'
import { scoreQuestions } from '../../node/text/score-choices.ts'

const PROMPT = [1, 2, 3]

/** A reader to which each token costs a tenth of its id in nats, wherever it stands. */
function tableReader(contextMax = 64) {
  const read: { tokens: number[]; targets: number[] }[] = []
  return {
    read,
    contextMax,
    score: async ({ tokens, targets }: Batch) => {
      read.push({ tokens: [...tokens], targets: [...targets] })
      const losses = Float64Array.from(targets, (id) => (id < 0 ? 0 : id / 10))
      return { losses, hits: new Uint8Array(targets.length) }
    },
  }
}

for (const [what, choices, answer, right, rightByLength] of [
  // Sums of -1 and -2: the first is likelier, by length as well.
  [
    'the likelier is right',
    [
      [[10], 1],
      [[20], 1],
    ],
    0,
    1,
    1,
  ],
  [
    'the likelier is wrong',
    [
      [[10], 1],
      [[20], 1],
    ],
    1,
    0,
    0,
  ],
  // Sums of -1 and -2; -1 and -0.5 for each byte.
  [
    'the longer is likelier for each byte',
    [
      [[10], 1],
      [[10, 10], 4],
    ],
    1,
    0,
    1,
  ],
  [
    'the shorter is likelier in sum',
    [
      [[10], 1],
      [[10, 10], 4],
    ],
    0,
    1,
    0,
  ],
  // The harness takes the first of equals, as numpy's argmax does.
  [
    'the first of equals',
    [
      [[10], 1],
      [[10], 1],
    ],
    0,
    1,
    1,
  ],
  [
    'the second of equals',
    [
      [[10], 1],
      [[10], 1],
    ],
    1,
    0,
    0,
  ],
  [
    'a number that is none is no choice',
    [
      [[Number.NaN], 1],
      [[10], 1],
    ],
    0,
    0,
    0,
  ],
] as [string, [number[], number][], number, number, number][]) {
  test(`${what}: acc ${right}, acc_norm ${rightByLength}`, async () => {
    const questions = [
      { prompt: PROMPT, choices: choices.map(([ids, bytes]) => ({ ids, bytes })), answer },
    ]
    const reader = tableReader()
    // Of ids alone NaN cannot be told, so the loss is made one.
    const score = async (batch: Batch) => {
      const scores = await reader.score(batch)
      const isNone = batch.targets.at(-1) === 0
      return isNone ? { ...scores, losses: scores.losses.fill(Number.NaN) } : scores
    }
    expect(await scoreQuestions({ contextMax: 64, score }, questions)).toEqual({
      acc: right,
      accNorm: rightByLength,
      questions: 1,
    })
  })
}

test('what is asked is each token of a choice, and nothing of the prompt', async () => {
  const reader = tableReader()
  const choices = [
    { ids: [7, 8], bytes: 2 },
    { ids: [9], bytes: 1 },
  ]
  await scoreQuestions(reader, [{ prompt: PROMPT, choices, answer: 0 }])
  expect(reader.read).toEqual([
    { tokens: [1, 2, 3, 7], targets: [-1, -1, 7, 8] },
    { tokens: [1, 2, 3], targets: [-1, -1, 9] },
  ])
})

test('a context that is too short forgets the beginning of the prompt', async () => {
  const reader = tableReader(2)
  const choices = [
    { ids: [7, 8], bytes: 2 },
    { ids: [9], bytes: 1 },
  ]
  await scoreQuestions(reader, [{ prompt: PROMPT, choices, answer: 0 }])
  expect(reader.read.map(({ targets }) => targets)).toEqual([
    [7, 8],
    [-1, 9],
  ])
})
