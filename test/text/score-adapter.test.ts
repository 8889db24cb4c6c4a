/** A run's own scores: hand-made answers of a thread, what takes too long, what breaks. */
import { expect, test } from 'vitest'
import type { Compute } from '../../node/compute/compute.ts'
import type { GenerateInput, ScoreInput, TaskName } from '../../node/compute/task.ts'
import type { ScoredRows } from '../../node/dataset/scored-rows.ts'
import { createAdapterScorer } from '../../node/text/score-adapter.ts'
import { SCORE_MS_MAX } from '../../protocol/limits.ts'
import { blobNamed, exampleConfig } from '../protocol/example-config.ts'

const SCORING = {
  rows: blobNamed('rows'),
  questions: 1,
  prompts: 2,
  contextTokens: 16,
  everyRounds: 1,
}
const utf8 = (text: string) => new TextEncoder().encode(text)
const ROWS: ScoredRows = {
  questions: [
    {
      prompt: [1, 2],
      choices: [
        { ids: [30], bytes: 1 },
        { ids: [20, 20], bytes: 8 },
      ],
      answer: 1,
    },
  ],
  prompts: [
    { prompt: [65], answer: utf8('A!') },
    { prompt: [66], answer: utf8('C!') },
  ],
  tokensMax: 4,
  stopIds: [9],
  regex: null,
}

/** A thread to which a token costs a tenth of its id, and which writes the prompt and `!`. */
function thread() {
  const asked: TaskName[] = []
  const adapters: (Float32Array | null | undefined)[] = []
  let closed = 0
  const compute = {
    async run(name: TaskName, input: unknown) {
      asked.push(name)
      if (name === 'open-model') return null
      adapters.push((input as GenerateInput | ScoreInput).adapter)
      if (name === 'generate') {
        const { prompt, tokensMax, sampling, stopIds } = input as GenerateInput
        expect({ tokensMax, stopIds, temperature: sampling.temperature }).toEqual({
          tokensMax: 4,
          stopIds: [9],
          temperature: 0,
        })
        return Int32Array.of(32, ...prompt, 33)
      }
      const { targets } = input as ScoreInput
      const losses = Float64Array.from(targets, (id) => (id < 0 ? 0 : id / 10))
      return { losses, hits: new Uint8Array(targets.length) }
    },
    close: async () => {
      closed += 1
    },
  } as Partial<Compute> as Compute
  return { compute, asked, adapters, closed: () => closed }
}

function scorer(rows: Partial<ScoredRows> = {}, now: () => number = () => 0) {
  const threads: ReturnType<typeof thread>[] = []
  const start = () => {
    threads.push(thread())
    return threads.at(-1)!.compute
  }
  const made = createAdapterScorer({
    config: exampleConfig({ scoring: SCORING }),
    rows: { ...ROWS, ...rows },
    weights: new Uint8Array(),
    decode: (ids) => String.fromCharCode(...ids),
    memoryBytesMax: 1e9,
    start,
    now,
  })
  const all = { ...ROWS, ...rows }
  const count = all.questions.length + all.prompts.length
  const score = async (adapter: Float32Array | null) =>
    made.sumUp(await made.answer(adapter, { first: 0, rows: count }))
  return { ...made, score, threads }
}

test('what is written is trimmed and compared, choices told by sum and by byte', async () => {
  const { score, threads } = scorer()
  // Sums of -3 and -4; for each byte -3 and -0.5. One of two prompts is answered right.
  expect(await score(null)).toEqual({ acc: 0, accNorm: 1, exactMatch: 0.5 })
  expect(await score(new Float32Array(2))).toEqual({ acc: 0, accNorm: 1, exactMatch: 0.5 })
  expect(threads.map(({ asked }) => asked.filter((name) => name === 'open-model'))).toEqual([
    ['open-model'],
  ])
})

test('pieces come to the same as all rows at once', async () => {
  const { answer, score, sumUp } = scorer()
  const pieces = [0, 1, 2].map((first) => answer(null, { first, rows: 1 }))
  expect((await Promise.all(pieces)).flat()).toEqual([
    [0, 1],
    [32, 65, 33],
    [32, 66, 33],
  ])
  expect(sumUp((await Promise.all(pieces)).flat())).toEqual(await score(null))
})

test('an adapter is sent with the first task of its score alone', async () => {
  const { score, threads } = scorer()
  const adapter = new Float32Array(2)
  await score(null)
  await score(adapter)
  const none = [undefined, undefined, undefined]
  expect(threads.map(({ adapters }) => adapters)).toEqual([[null, ...none, adapter, ...none]])
})

for (const [what, rows, scores] of [
  ['questions alone', { prompts: [] }, { acc: 0, accNorm: 1 }],
  ['prompts alone', { questions: [] }, { exactMatch: 0.5 }],
  ['a regex that takes the letter', { questions: [], regex: '([A-Z])' }, { exactMatch: 0 }],
  ['a regex without a match', { questions: [], regex: 'x' }, { exactMatch: 0 }],
  ['a regex that takes all', { questions: [], regex: '.+' }, { exactMatch: 0.5 }],
] as [string, Partial<ScoredRows>, object][]) {
  test(`${what}: ${JSON.stringify(scores)}`, async () => {
    expect(await scorer(rows).score(null)).toEqual(scores)
  })
}

test('what takes too long is given up between two rows, and the next begins anew', async () => {
  let time = 0
  const { score, threads } = scorer({}, () => {
    time += SCORE_MS_MAX / 2
    return time
  })
  await expect(score(null)).rejects.toThrow('they take more than 30 minutes here: give fewer rows')
  expect(threads.map(({ closed }) => closed())).toEqual([1])
  await expect(score(null)).rejects.toThrow('give fewer rows')
  expect(threads).toHaveLength(2)
})

test('a regex that tries for ever ends the score, all of its prompts together', async () => {
  const letters = [...'a'.repeat(60)].map((letter) => letter.charCodeAt(0))
  const hard = { prompt: letters, answer: utf8('a') }
  const { score } = scorer({ prompts: [hard, hard, hard], regex: '^ (a+)+$' })
  await expect(score(null)).rejects.toThrow(
    "look for 'eval_generate.regex' in 3 answers as it takes more than 2 seconds: write one",
  )
})

test('a scorer that is closed has no thread, whether it had begun or not', async () => {
  const { score, close, threads } = scorer()
  await close()
  expect(threads).toEqual([])
  await score(null)
  await close()
  expect(threads.map(({ closed }) => closed())).toEqual([1])
})
