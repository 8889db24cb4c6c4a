/** Batches that failed are remembered, as many as may be. */
import { expect, test } from 'vitest'
import { startConversation } from './coordinator-language.ts'
import { checkedStep } from './invariants.ts'

test('sixty-four batches are remembered; the one that failed first is forgotten first', () => {
  const { state, eventOf } = startConversation([
    { input: ['config round.stepsMin=1 round.stepsMax=1 round.batchesMax=24'], output: '' },
  ])
  const play = (line: string) => checkedStep(state, eventOf(line)!)
  for (const line of ['0 started', '1 join ann', '2 lease ann -']) play(line)
  for (let batch = 100; batch < 163; batch++) {
    state.failures.set(batch, { reason: 'bad-row', times: 1, peers: ['bob'] })
  }
  play('3 fail ann 0')
  expect(state.failures.size).toBe(64)
  expect(state.failures.has(100)).toBe(true)
  for (const line of ['4 lease ann -', '5 commit ann 1 1', '6 lease ann -', '7 fail ann 2'])
    play(line)
  // Batch 0 was trained on; batch 1 took its place.
  expect([state.failures.size, state.failures.has(0), state.failures.has(1)]).toEqual([
    64,
    false,
    true,
  ])
  for (const line of ['8 lease ann -', '9 fail ann 3']) play(line)
  expect(state.failures.get(1)).toMatchObject({ times: 2 })
  state.failures.set(200, { reason: 'bad-row', times: 1, peers: ['bob'] })
  for (const line of ['10 lease ann -', '11 fail ann 4']) play(line)
  expect([state.failures.size, state.failures.has(100), state.failures.has(200)]).toEqual([
    64,
    false,
    true,
  ])
})
