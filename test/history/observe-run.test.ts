/** What a journal says about its run is what happened. */
import { expect, test } from 'vitest'
import { observeRun } from '../../node/history/observe-run.ts'
import { hostRun, joinRun, prepareSmallRun } from '../roles/swarm.ts'

test('sessions, speeds and sums of a small run', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const { peer } = await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  const { sessions, figures, merge, prepare } = await observeRun(run)
  const counted = hosted.facts.filter(({ type }) => type === 'counted')
  expect(figures).toMatchObject({ rounds: 2, batches: 16 })
  expect(figures.bytesUp).toBeGreaterThan(0)
  expect(figures.ms).toBeGreaterThan(figures.roundMs)
  expect(counted).toHaveLength(8)
  for (const fact of hosted.facts) {
    if (fact.type === 'evaluated') expect(fact.generalLoss).toBeGreaterThan(0)
  }
  expect(sessions).toEqual([
    expect.objectContaining({ volunteer: peer, stepMs: expect.any(Number) }),
  ])
  expect([merge, prepare]).toEqual([expect.any(Number), expect.any(Number)])
})
