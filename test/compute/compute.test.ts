/** The compute thread as the main thread sees it. */
import { expect, test } from 'vitest'
import { newControl } from '../../kernels/control.ts'
import { type Compute, ComputeEndedError, createCompute } from '../../node/compute/compute.ts'
import type { FromWorker, ToWorker } from '../../node/compute/task.ts'

test('what is asked of a thread that died fails with why it died, before and after', async () => {
  let die = (_error: Error) => {}
  const compute = createCompute({
    control: newControl(),
    post: () => {},
    onMessage: () => {},
    onEnd: (listener) => {
      die = listener
    },
    terminate: async () => {},
  })
  const evaluate = () =>
    compute.run('evaluate', { tokens: new Int32Array(), targets: new Int32Array(), adapter: null })
  const before = evaluate()
  die(new Error('the machine has other bits'))
  die(new Error('it ended with code 1'))
  const expected = new ComputeEndedError('the machine has other bits')
  await expect(before).rejects.toThrow(expected)
  await expect(evaluate()).rejects.toThrow(expected)
})

/** A thread that a test answers for. */
function answeringThread() {
  const posted: ToWorker[] = []
  const given: ArrayBuffer[] = []
  let answer = (_message: FromWorker) => {}
  const compute = createCompute({
    control: newControl(),
    post: (message, buffers) => {
      posted.push(message)
      given.push(...buffers)
    },
    onMessage: (listener) => {
      answer = listener
    },
    onEnd: () => {},
    terminate: async () => {},
  })
  return { compute, posted, given, answer: (message: FromWorker) => answer(message) }
}

const SCORE = { adapter: null, tokens: new Int32Array(1), targets: new Int32Array(1) }

test('answers find the task that they are of, in whatever order they come', async () => {
  const { compute, answer } = answeringThread()
  const [first, second] = [compute.run('evaluate', SCORE), compute.run('evaluate', SCORE)]
  answer({ type: 'done', id: 2, output: { lossSum: 2, targetTokens: 1 } })
  answer({ type: 'error', id: 1, message: 'a number is not finite' })
  answer({ type: 'error', id: 7, message: 'nobody asked' })
  await expect(first).rejects.toThrow('a number is not finite')
  expect(await second).toEqual({ lossSum: 2, targetTokens: 1 })
})

test('tokens go to who listens to their text, steps to who listens to training', async () => {
  const { compute, answer } = answeringThread()
  const tokens: number[] = []
  const steps: number[] = []
  compute.onStep(({ steps: done }) => steps.push(done))
  const sampling = { temperature: 0, topK: 0, topP: 1 }
  const input = { adapter: null, prompt: new Int32Array(1), tokensMax: 2, seed: 1, stopIds: [] }
  const text = compute.run('generate', { ...input, sampling }, (token) => tokens.push(token))
  answer({ type: 'token', id: 1, token: 5 })
  answer({ type: 'token', id: 9, token: 6 })
  answer({ type: 'step', leaseId: 3, steps: 2, stepMs: 1, waitMs: 0, loss: 1 })
  answer({ type: 'done', id: 1, output: Int32Array.of(5) })
  expect([await text, tokens, steps]).toEqual([Int32Array.of(5), [5], [2]])
})

test('payloads are given away, and nothing else is', () => {
  const { compute, given } = answeringThread()
  const payloads = [new Uint8Array(4), new Uint8Array(8)]
  void compute.run('add-payloads', payloads)
  void compute.run('evaluate', SCORE)
  expect(given).toEqual(payloads.map(({ buffer }) => buffer))
})

for (const [what, ask, expected] of [
  ['after a step', (c) => c.stopTraining(3, 'after-step'), [{ type: 'stop', leaseId: 3 }]],
  ['now', (c) => c.stopTraining(3, 'now'), [{ type: 'cut', leaseId: 3 }]],
  ['for good', (c) => c.abandonTraining(3), [{ type: 'abandon', leaseId: 3 }]],
  ['a text', (c) => c.stopWriting(), [{ type: 'stop-writing' }]],
] as [string, (compute: Compute) => void, ToWorker[]][]) {
  test(`a stop ${what} is one message`, () => {
    const { compute, posted } = answeringThread()
    ask(compute)
    expect(posted).toEqual(expected)
  })
}

test('whoever waits for a thread that is closed hears it, as does who asks later', async () => {
  let isEnded = false
  const compute = createCompute({
    control: newControl(),
    post: () => {},
    onMessage: () => {},
    onEnd: () => {},
    terminate: async () => {
      isEnded = true
    },
  })
  const waiting = expect(compute.run('close-merge', null)).rejects.toThrow(ComputeEndedError)
  await compute.close()
  await waiting
  expect(isEnded).toBe(true)
  await expect(compute.run('close-merge', null)).rejects.toThrow(ComputeEndedError)
})

test('the adapter of leases is shared with the thread, once', () => {
  const { compute, posted } = answeringThread()
  const adapter = Float32Array.of(1, 2)
  const lease = {
    leaseId: 1,
    adapter,
    moment: null,
    tokens: new Int32Array(1),
    targets: new Int32Array(1),
    firstBatch: 0,
    steps: 1,
    traceStart: '',
    learningRate: 1,
  }
  for (const leaseId of [1, 2]) compute.run('train', { ...lease, leaseId }).catch(() => {})
  compute.run('train', { ...lease, adapter: adapter.slice() }).catch(() => {})
  const sent = posted.map((message) => {
    if (message.type !== 'task' || message.name !== 'train') throw new Error('no lease was sent')
    return message.input.adapter
  })
  expect(sent.map((values) => [...values])).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ])
  expect(sent[0]!.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect(sent[1]!.buffer).toBe(sent[0]!.buffer)
  expect(sent[2]!.buffer).not.toBe(sent[0]!.buffer)
})
