/** A volunteer's owner at the command line, with processes of their own. */
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from '../../node/cli/child.ts'
import { cacheFolder } from '../../node/cli/folders.ts'
import type { VolunteerStatus } from '../../node/guest/control.ts'
import type { Progress } from '../../node/roles/progress.ts'
import { hostRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

interface Fact {
  type: string
  reasons?: { reason: string }[]
  outcome?: string
  reason?: string
}

/** Where this user keeps things is a folder of the test, for the processes it starts as well. */
async function useOwnHome(): Promise<void> {
  const home = await temporaryFolder()
  for (const name of ['HOME', 'XDG_CACHE_HOME', 'LOCALAPPDATA']) vi.stubEnv(name, home)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(cacheFolder().startsWith(home)).toBe(true)
}

/** What a command prints as JSON, and how it ends. */
async function command(...args: string[]) {
  const child = startChild<VolunteerStatus[]>(args)
  const printed: VolunteerStatus[][] = []
  child.onMessage((value) => printed.push(value))
  const code = await child.exited
  return { code, statuses: printed.flat(), complaints: child.complaints() }
}

/** Spans of the day that begin in two hours: not now, wherever the clock stands. */
function notNow(): string {
  const hour = (offset: number) => (new Date().getHours() + offset) % 24
  return `${hour(2)}-${hour(3)}`
}

test('its owner overrules, asks, pauses, resumes and lets it finish', async () => {
  await useOwnHome()
  const run = await prepareSmallRun({ max_steps: 4000 }, { rounds: 500, round_seconds: 5 })
  const committed: Progress[] = []
  const hosted = await hostRun(run, {
    onProgress: (fact) => {
      if (fact.type === 'committed') committed.push(fact)
    },
  })
  const args = ['--name', 'ada', '--cache', join(run.root, 'ada'), '--dedicated']
  const child = startChild<Fact>(['join', hosted.link, ...args, '--hours', notNow()])
  const facts: Fact[] = []
  const started = Promise.withResolvers<void>()
  const trained = Promise.withResolvers<void>()
  child.onMessage((fact) => {
    facts.push(fact)
    if (fact.type === 'started') started.resolve()
    if (fact.type === 'step') trained.resolve()
  })
  await started.promise
  expect(facts[0]).toMatchObject({ type: 'paused', reasons: [{ reason: 'hours' }] })

  const asleep = (await command('status')).statuses
  expect(asleep).toMatchObject([{ pid: child.pid, name: 'ada', activity: 'paused', steps: 0 }])
  expect((await command('resume')).statuses).toMatchObject([{ activity: 'paused' }])
  const woken = await command('resume', '--anyway', '--pid', String(child.pid))
  expect(woken.statuses).toMatchObject([{ reasons: [], overruled: ['hours'] }])
  await trained.promise

  const paused = await command('pause', '2h')
  expect(paused.statuses).toMatchObject([{ activity: 'paused', reasons: [{ reason: 'asked' }] }])
  expect(paused.statuses[0]!.pausedUntil).toBeGreaterThan(Date.now())
  const { steps } = (await command('resume')).statuses[0]!
  expect(steps).toBeGreaterThan(0)

  expect((await command('finish')).code).toBe(0)
  expect(await child.exited, child.complaints()).toBe(0)
  expect(facts.at(-1)).toMatchObject({ type: 'exit', outcome: 'left', reason: 'asked to finish' })
  expect(committed.length).toBeGreaterThan(0)

  const nobody = await command('pause')
  expect(nobody).toMatchObject({ code: 4, statuses: [] })
  expect(nobody.complaints).toContain('no volunteer runs here')
  expect(await command('status')).toMatchObject({ code: 0, statuses: [] })
}, 120_000)
