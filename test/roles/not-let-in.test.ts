/** Who is not let in hears why, waits, and leaves the others alone; at the end it hears of that. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { createLog } from '../../node/log.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

for (const [name, swarm, identityOf, reason] of [
  ['where all places are taken', { members_max: 1 }, 'ben', 'not let in: all 1 places are taken'],
  ['with the key of another', {}, 'ada', 'not let in: ada trains with the same identity'],
] as const) {
  test(`a second volunteer ${name} waits, and the first works undisturbed`, async () => {
    const run = await prepareSmallRun({}, swarm)
    const waiting = Promise.withResolvers<void>()
    const lines: string[] = []
    const facts: Progress[] = []
    const log = createLog('info', (line) => {
      lines.push(line)
      if (line.includes(reason)) waiting.resolve()
    })
    const joined = Promise.withResolvers<void>()
    const first = await hostRun(run, {
      onProgress: (fact) => {
        facts.push(fact)
        if (fact.type === 'joined') joined.resolve()
      },
    })
    await joinRun(run, first.link, 'ada')
    await joined.promise
    const identity = join(run.root, 'volunteers', identityOf, 'identity.key')
    const ben = await joinRun(run, first.link, 'ben', { log, identity })
    await waiting.promise
    await first.finished
    expect(await ben.exited).toMatchObject({
      outcome: 'finished',
      reason: 'the run is finished: all 16 batches are counted',
    })
    expect(facts.filter(({ type }) => type === 'away')).toEqual([])
    expect(lines.join('')).not.toContain('broke')
  })
}

test('whoever comes by the link of a run that is finished is told so', async () => {
  const run = await prepareSmallRun({ max_steps: 4 }, { round_batches: 4 })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  expect(await (await joinRun(run, hosted.link, 'ben')).exited).toEqual({
    outcome: 'finished',
    reason: 'the run is finished: all 4 batches are counted',
  })
})

test('too little memory is refused before the base is fetched, with the figures', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const limits = { threads: 1, memoryBytesMax: 1e5 }
  const ada = await joinRun(run, hosted.link, 'ada', { limits })
  const reason = await ada.exited.then(
    (end) => end.reason,
    (error: Error) => error.message,
  )
  expect(reason).toContain("'--memory' must be at least")
  expect(hosted.dashboard.run.baseBytesSent).toBe(0)
})
