/** Losses of preference: against differences, and the same bits whoever computes them. */
import { describe, expect, test } from 'vitest'
import { batchPart } from '../../kernels/batch.ts'
import { newControl } from '../../kernels/control.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { type Answer, judge, type Preference, type Scores } from '../../kernels/preference.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { newBoard } from '../../kernels/threads.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { MACHINES, newTrainer, randomAdapter, randomWeights, TINY } from './jobs.ts'
import { kernelModule } from './kernel-module.ts'

const [reference, wasm] = MACHINES.map(([, create]) => create) as [
  (typeof MACHINES)[number][1],
  (typeof MACHINES)[number][1],
]

const PREFERENCES: readonly Preference[] = [
  { loss: 'dpo', beta: 0.7 },
  { loss: 'dpo', beta: 0.7, labelSmoothing: 0.2 },
  { loss: 'ipo', beta: 0.3 },
  { loss: 'orpo', beta: 0.4 },
  { loss: 'simpo', beta: 2, targetMargin: 0.5, chosenWeight: 0.3 },
  { loss: 'kto', beta: 0.7, desirableWeight: 1.5, undesirableWeight: 0.5 },
]

describe('the slopes are the differences of the loss:', () => {
  const answer = (count: number, isRejected: boolean): Answer => ({
    from: 0,
    to: count,
    count,
    isRejected,
  })
  for (const preference of PREFERENCES) {
    for (const isRejected of preference.loss === 'kto' ? [false, true] : [false]) {
      test(`${JSON.stringify(preference)}${isRejected ? ', rejected' : ''}`, () => {
        const first = answer(3, isRejected)
        const rated = preference.loss === 'kto' ? [first] : [first, answer(5, true)]
        const scores: Scores[] = [
          { policy: -4, reference: -4.5 },
          { policy: -7, reference: -5 },
        ]
        const { slopes } = judge(preference, rated, scores)
        expect(slopes).toHaveLength(rated.length)
        for (const [i, slope] of slopes.entries()) {
          const lossAt = (by: number) => {
            const moved = scores.map((one, j) =>
              i === j ? { ...one, policy: one.policy + by } : one,
            )
            return judge(preference, rated, moved).loss
          }
          expect((lossAt(1e-5) - lossAt(-1e-5)) / 2e-5).toBeCloseTo(slope, 6)
        }
      })
    }
  }
  test('far away, and where an answer has all probability, they stay finite', () => {
    for (const preference of PREFERENCES) {
      for (const policy of [0, -1e6]) {
        const both = [answer(1, false), answer(1, true)]
        const rated = preference.loss === 'kto' ? both.slice(0, 1) : both
        const scores = [policy, -1e6 - policy].map((sum) => ({ policy: sum, reference: 0 }))
        const { loss, slopes } = judge(preference, rated, scores)
        expect([loss, ...slopes].every(Number.isFinite), `${preference.loss} ${policy}`).toBe(true)
      }
    }
  })
})

const S = 12
/** Two pairs in the first sequence, one in each of the others: `|` begins a document. */
const LAYOUT = ['..cc|.rr|.c|.r_', '.cccc|.rrrr__', '..c|..rrrr___', '.ccc|.r______']

/** Answers of LAYOUT: their tokens are learned, what is before them is not. */
function ratedBatch(shift = 0) {
  const tokens: number[] = []
  const targets: number[] = []
  const starts: number[] = []
  const rejected: number[] = []
  for (const sequence of LAYOUT) {
    let isStart = true
    for (const letter of sequence) {
      if (letter === '|') {
        isStart = true
        continue
      }
      if (isStart || letter === '_') starts.push(tokens.length)
      isStart = false
      const id = (tokens.length * 7 + shift) % TINY.model.vocabSize
      tokens.push(id)
      targets.push(letter === 'c' || letter === 'r' ? (id * 3 + 1) % TINY.model.vocabSize : -1)
      if (letter === 'r' && !rejected.includes(starts.at(-1)!)) rejected.push(starts.at(-1)!)
    }
  }
  return {
    tokens: Int32Array.from(tokens),
    targets: Int32Array.from(targets),
    starts: Int32Array.from(starts),
    rejected: Int32Array.from(rejected),
  }
}

const jobOf = (preference: Preference, change: Partial<JobShape> = {}): JobShape => ({
  ...TINY,
  sequenceLength: S,
  preference,
  ...change,
})
const ADAPTER = randomAdapter(adapterLayout(TINY.model, TINY.adapter), 5)
const BATCHES = [ratedBatch(), ratedBatch(4)]

function statesOf(job: JobShape, create = wasm) {
  const trainer = newTrainer(create(), job)
  trainer.load(ADAPTER, null)
  return BATCHES.map((batch) => {
    expect(trainer.localStep(batch, 0.01).status).toBe('ok')
    return trainer.state()
  })
}

for (const preference of PREFERENCES) {
  const name = JSON.stringify(preference)
  for (const [what, change] of [
    ['by the reference', null],
    ['one sequence a micro-batch', { microBatch: 1 }],
    ['a short last micro-batch', { microBatch: 3 }],
    ['layers that run forward twice', { recomputedLayers: 2 }],
    ['room for more threads', { threads: 3 }],
  ] as const) {
    test(`${name} has the same bits, ${what}`, () => {
      const states = statesOf(jobOf(preference, change ?? {}), change === null ? reference : wasm)
      expect(states).toEqual(statesOf(jobOf(preference)))
    })
  }
}

test('the same bits on several threads, and with streamed layers', () => {
  const model = { ...TINY.model, layerCount: 4 }
  const whole = jobOf({ loss: 'dpo', beta: 0.5 }, { model })
  const adapter = randomAdapter(adapterLayout(model, whole.adapter), 5)
  const stateOf = (job: JobShape) => {
    const { ops, arena } = wasm()
    const board = newBoard()
    let reads = 0
    const weights = randomWeights(model, 1)
    const counting = {
      tensor: (name: string) => {
        reads++
        return weights.tensor(name)
      },
    }
    const crew = { board, isStopping: () => false, feed: null }
    const trainer = createTrainer(ops, arena, job, counting, crew)
    const shared = { module: kernelModule, memory: ops.memory, control: newControl(), board }
    const pool = startThreads({
      ...shared,
      job,
      place: trainer.place,
      tiles: FAIR_TILES,
      feed: null,
    })
    trainer.load(adapter, null)
    for (const batch of BATCHES) expect(trainer.localStep(batch, 0.01).status).toBe('ok')
    void pool.close()
    return { state: trainer.state(), reads }
  }
  const expected = stateOf(whole).state
  expect(stateOf({ ...whole, threads: 3 }).state).toEqual(expected)
  const streamed = stateOf({ ...whole, streamedLayers: 3 })
  expect(streamed.state).toEqual(expected)
  // The reference takes each layer along: it reads none for itself.
  const alone = stateOf({ ...jobOf({ loss: 'orpo', beta: 0.5 }, { model }), streamedLayers: 3 })
  expect(streamed.reads).toBe(alone.reads)
})

test('where the adapter does nothing, policy and reference are the same', () => {
  const trainer = newTrainer(wasm(), jobOf({ loss: 'dpo', beta: 0.5 }))
  trainer.load(new Float32Array(ADAPTER.length), null)
  const { lossSum, judged } = trainer.evaluate(BATCHES[0]!)
  expect(judged).toEqual({ rated: 5, right: 0, marginSum: 0 })
  expect(lossSum / 5).toBeCloseTo(Math.LN2, 12)
})

test('the loss falls and the margin grows', () => {
  for (const preference of PREFERENCES) {
    const trainer = newTrainer(wasm(), jobOf(preference))
    trainer.load(ADAPTER, null)
    const before = trainer.evaluate(BATCHES[0]!)
    for (let step = 0; step < 20; step++) trainer.localStep(BATCHES[0]!, 0.02)
    const after = trainer.evaluate(BATCHES[0]!)
    expect(after.lossSum, preference.loss).toBeLessThan(before.lossSum)
    expect(after.judged!.marginSum).toBeGreaterThan(before.judged!.marginSum)
  }
})

test('a batch of which nothing is rated is measured as text is', () => {
  const { rejected: _, ...text } = BATCHES[0]!
  const trainers = [
    newTrainer(wasm(), jobOf(PREFERENCES[0]!)),
    newTrainer(wasm(), jobOf(PREFERENCES[0]!, { preference: undefined })),
  ]
  for (const trainer of trainers) trainer.load(ADAPTER, null)
  expect(trainers[0]!.evaluate(text)).toEqual(trainers[1]!.evaluate(text))
})

for (const [what, change] of [
  ['a rejected answer alone', { rejected: Int32Array.of(0) }],
  ['two that are chosen', { rejected: new Int32Array(0) }],
] as const) {
  test(`${what} is no pair, and two ratings`, () => {
    const batch = { ...batchPart(BATCHES[0]!, S, 2 * S), ...change }
    const run = (preference: Preference) => newTrainer(wasm(), jobOf(preference)).gradient(batch)
    expect(() => run({ loss: 'dpo', beta: 1 })).toThrow(ShapeError)
    expect(run({ loss: 'kto', beta: 1 }).status).toBe('ok')
  })
}

test('a pair lies in one sequence', () => {
  const { tokens, targets } = batchPart(BATCHES[0]!, S, 3 * S)
  const torn = { tokens, targets, starts: Int32Array.of(0, S), rejected: Int32Array.of(S) }
  const trainer = newTrainer(wasm(), jobOf({ loss: 'orpo', beta: 1 }))
  expect(() => trainer.gradient(torn)).toThrow("'rejected' must follow 'chosen' in its sequence")
})

test('nothing is drawn where answers are rated', () => {
  const noise = { seed: 1, dropout: 0.1, embeddings: 0 }
  expect(() => newTrainer(wasm(), jobOf(PREFERENCES[0]!, { noise }))).toThrow(
    "'noise' is not drawn",
  )
})
