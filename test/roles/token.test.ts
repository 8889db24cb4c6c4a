/** The token is a secret of today, and no part of a run's history. */
import { readFile, rm, stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parseLink } from '../../node/network/link.ts'
import { openRun } from '../../node/run/open-run.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

test('a run whose token was lost goes on in its round, with a new link', async () => {
  const run = await prepareSmallRun({ max_steps: 16 })
  const merged = Promise.withResolvers<void>()
  const first = await hostRun(run, {
    onProgress: (fact) => {
      if (fact.type === 'round') merged.resolve()
    },
  })
  const ada = await joinRun(run, first.link, 'ada')
  await merged.promise
  await ada.stop()
  await first.stop()
  const { state: before } = await openRun(run)
  expect(before.round.start.round).toBeGreaterThan(0)
  await rm(run.token)

  const warned: string[] = []
  const log = { debug() {}, info() {}, warn: (text: string) => warned.push(text), error() {} }
  const second = await hostRun(run, { log })
  expect(warned.join()).toContain('links that were given out before let nobody in any more')
  expect(second.status()).toMatchObject({
    round: before.round.start.round,
    batchesCounted: before.batchesCounted,
  })
  const old = { ...parseLink(second.link), token: parseLink(first.link).token }
  const refused = await joinRun(run, old, 'ben')
  expect(await refused.exited).toMatchObject({ outcome: 'refused' })
  await joinRun(run, second.link, 'ada')
  await second.finished
  await second.stop()

  const journal = await readFile(run.journal, 'latin1')
  for (const { link } of [first, second]) expect(journal).not.toContain(parseLink(link).token)
  if (process.platform === 'win32') return
  for (const file of [run.journal, run.token]) expect((await stat(file)).mode & 0o077).toBe(0)
})
