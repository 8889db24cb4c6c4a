/** Several volunteers of one user on one machine: a key for each, and one cache for all. */
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startChild } from '../../node/cli/child.ts'
import { systemdUnit } from '../../node/guest/service-file.ts'
import { openVolunteerHome, volunteersAt } from '../../node/roles/volunteer-home.ts'
import { start } from './processes.ts'
import { hostRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

type JoinFact =
  | { type: 'started'; peer: string }
  | { type: 'step' }
  | { type: 'exit'; outcome: string; reason: string }

interface CacheFact {
  bytes?: number
  freed?: number
  blobs?: { digest: string; bytes: number }[]
}

const SERVICE = { role: 'volunteer', command: ['x'], folder: '/', environment: {} } as const

async function cacheCommand(cache: string, ...args: string[]) {
  const child = startChild<CacheFact>(['cache', '--cache', cache, ...args])
  const facts: CacheFact[] = []
  child.onMessage((fact) => facts.push(fact))
  const code = await child.exited
  return { code, fact: facts[0], complaints: child.complaints() }
}

test('two joins of one user train side by side, and fetch everything once', async () => {
  const run = await prepareSmallRun({ max_steps: 64 }, { rounds: 8 })
  const hosted = await hostRun(run)
  const cache = await temporaryFolder()
  const joins = [1, 2].map(() =>
    start<JoinFact>(['join', hosted.link, '--dedicated', '--cache', cache]),
  )
  await Promise.all(joins.map(({ seen }) => seen('step', 2)))
  const busy = await cacheCommand(cache, '--free')
  expect(busy).toMatchObject({ code: 2, fact: undefined })
  for (const { child } of joins) expect(busy.complaints).toContain(`process ${child.pid} on `)
  await hosted.finished
  await hosted.stop()
  const peers = joins.map(({ facts }) => facts.find((fact) => fact.type === 'started')?.peer)
  expect(new Set(peers).size).toBe(2)
  for (const { child, facts } of joins) {
    expect(await child.exited, child.complaints()).toBe(0)
    expect(facts.at(-1)).toMatchObject({ type: 'exit', outcome: 'finished' })
  }
  // One base and one shard: rounds and results take no room.
  const { fact } = await cacheCommand(cache)
  expect(fact?.blobs).toHaveLength(2)
  expect(await cacheCommand(cache, '--free')).toMatchObject({
    code: 0,
    fact: { freed: fact?.bytes },
  })
  expect((await cacheCommand(cache)).fact).toMatchObject({ bytes: 0, blobs: [] })
})

test('an identity that is in use is not used twice, and who uses it is named', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const cache = await temporaryFolder()
  const args = [
    'join',
    hosted.link,
    '--dedicated',
    '--cache',
    cache,
    '--identity',
    join(cache, 'key'),
  ]
  const first = start<JoinFact>(args)
  await first.seen('started')
  const second = start<JoinFact>(args)
  // It may be free in a minute, so a service is started again.
  expect(await second.child.exited).toBe(1)
  expect(systemdUnit(SERVICE)).not.toMatch(/^RestartPreventExitStatus=.*\b1\b/m)
  expect(second.child.complaints()).toContain(`process ${first.child.pid} on `)
})

describe('a home', () => {
  async function open(root: string) {
    const home = await openVolunteerHome(root)
    onTestFinished(home.release)
    return home
  }

  test('is the first that is free, and free again when it is left', async () => {
    const root = await temporaryFolder()
    const [first, second] = [await open(root), await open(root)]
    expect([first.number, second.number]).toEqual([1, 2])
    expect([first.folder, second.folder]).toEqual([root, join(root, '2')])
    expect(await volunteersAt(root)).toHaveLength(2)
    first.release()
    expect((await open(root)).number).toBe(1)
    second.release()
    expect(await volunteersAt(root)).toEqual([
      expect.stringContaining(`process ${process.pid} on `),
    ])
  })
})
