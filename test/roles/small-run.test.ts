/** What a run of one nameless volunteer tells, while the system's clock is set back an hour. */
import { expect, test, vi } from 'vitest'
import { openRun } from '../../node/run/open-run.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

test('its name tells nothing of the machine, general text is watched, time goes on', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { trust: 'everyone' })
  const hosted = await hostRun(run)
  const { at: started } = (await openRun(run)).state
  const hourAgo = Date.now() - 3_600_000
  vi.spyOn(Date, 'now').mockReturnValue(hourAgo)
  const volunteer = await joinRun(run, hosted.link, '', { name: null })
  await hosted.finished
  await hosted.stop()
  vi.restoreAllMocks()
  const { state, names } = await openRun(run)
  expect([...names.values()]).toEqual([`volunteer-${volunteer.peer.slice(-6)}`])
  expect(state.at!).toBeGreaterThan(started ?? hourAgo)
  const losses = hosted.facts.flatMap((fact) => (fact.type === 'evaluated' ? [fact] : []))
  expect(losses.map(({ round }) => round)).toEqual([0, 1])
  for (const { generalLoss } of losses) expect(generalLoss).toBeGreaterThan(1)
})
