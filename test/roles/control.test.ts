/** A volunteer's owner at the command line, with processes of their own. */
import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from '../../node/cli/child.ts'
import { cacheFolder } from '../../node/cli/folders.ts'
import type { VolunteerStatus } from '../../node/guest/control.ts'
import type { Progress } from '../../node/history/progress.ts'
import { openRun } from '../../node/run/open-run.ts'
import { argumentsOf } from '../guest/service-reading.ts'
import { hostRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

interface Fact {
  type: string
  reasons?: { reason: string }[]
  outcome?: string
  reason?: string
}

/** Where this user keeps things is a folder of the test, for the processes it starts as well. */
async function useOwnHome(): Promise<string> {
  const home = await temporaryFolder()
  for (const name of ['HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'LOCALAPPDATA'])
    vi.stubEnv(name, home)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(cacheFolder().startsWith(home)).toBe(true)
  return home
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
  expect(asleep[0]!.credit).toBeNull()
  expect((await command('resume')).statuses).toMatchObject([{ activity: 'paused' }])
  const woken = await command('resume', '--anyway', '--pid', String(child.pid))
  expect(woken.statuses).toMatchObject([{ reasons: [], overruled: ['hours'] }])
  await trained.promise

  const paused = await command('pause', '2h')
  expect(paused.statuses).toMatchObject([{ activity: 'paused', reasons: [{ reason: 'asked' }] }])
  expect(paused.statuses[0]!.pausedUntil).toBeGreaterThan(Date.now())
  const { steps } = (await command('resume')).statuses[0]!
  expect(steps).toBeGreaterThan(0)

  const batchesOfAda = () => hosted.status().participants[0]?.credit.batches ?? 0
  await expect.poll(batchesOfAda, { timeout: 60_000 }).toBeGreaterThan(0)
  // A coordinator that is busy for two seconds answers the next time.
  let credit: VolunteerStatus['credit'] = null
  const askCredit = async () => {
    credit = (await command('status')).statuses[0]!.credit
    return credit?.batches ?? 0
  }
  await expect.poll(askCredit, { timeout: 60_000 }).toBeGreaterThan(0)
  expect(credit!.tokens).toBeGreaterThanOrEqual(credit!.batches)
  expect((await command('pause')).statuses).toMatchObject([{ credit: expect.any(Object) }])
  await command('resume')

  expect((await command('finish')).code).toBe(0)
  expect(await child.exited, child.complaints()).toBe(0)
  expect(facts.at(-1)).toMatchObject({ type: 'exit', outcome: 'left', reason: 'asked to finish' })
  expect(committed.length).toBeGreaterThan(0)

  const nobody = await command('pause')
  expect(nobody).toMatchObject({ code: 4, statuses: [] })
  expect(nobody.complaints).toContain('no volunteer runs here')
  expect(await command('status')).toMatchObject({ code: 0, statuses: [] })
})

/** Writes the file of a service. @returns where it is */
async function installed(home: string, args: readonly string[]): Promise<string> {
  const child = startChild<{ path: string }>(['service', ...args])
  const told = new Promise<{ path: string }>((resolve) => child.onMessage(resolve))
  expect(await child.exited, child.complaints()).toBe(0)
  const { path } = await told
  expect(path.startsWith(home)).toBe(true)
  expect((await stat(path)).mode & 0o077).toBe(0)
  return path
}

/** What the file of a service starts, until it ends. */
async function served(path: string): Promise<void> {
  const [program = '', ...words] = argumentsOf(await readFile(path, 'utf8'))
  await promisify(execFile)(program, words)
}

test('what a service starts volunteers to the end of the run, and hosts it', async () => {
  const home = await useOwnHome()
  const run = await prepareSmallRun()
  expect(await startChild(['service', 'host', run.root]).exited).toBe(2)
  const hosted = await hostRun(run)
  const own = ['--name', '100 % "Ada"', '--dedicated', '--cache', join(run.root, 'ada')]
  const path = await installed(home, ['install', hosted.link, ...own])
  const host = await installed(home, ['host', run.root, '--port', '0'])
  await served(path)
  await hosted.finished
  expect(hosted.facts).toContainEqual(expect.objectContaining({ name: '100 % "Ada"' }))

  const removal = startChild(['service', 'remove', hosted.link])
  expect(await removal.exited).toBe(0)
  await expect(stat(path)).rejects.toThrow('ENOENT')
  expect(await startChild(['service', 'remove', hosted.link]).exited).toBe(2)

  await hosted.stop()
  const { digest } = (await openRun(run)).config.base.weights
  // The run is over: who hosts it leaves its adapter there, and ends.
  await served(host)
  expect(await readFile(host, 'utf8')).toMatch(/^(Environment="|\s*<key>)PATH\b/m)
  expect(await readFile(join(run.adapter, 'README.md'), 'utf8')).toContain(digest)
  expect(await startChild(['service', 'remove', run.root]).exited).toBe(0)
  await expect(stat(host)).rejects.toThrow('ENOENT')
})

for (const args of [
  ['service', 'install'],
  ['service', 'install', 'xx'],
  ['service', 'dance'],
]) {
  test(`${args.join(' ')} is a mistake in the words`, async () => {
    expect(await startChild(args).exited).toBe(2)
  })
}
