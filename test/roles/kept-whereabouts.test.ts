/** Where a coordinator said that it is, on disk: the newest, however fast it says so. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { keptWhereabouts } from '../../node/roles/kept-whereabouts.ts'
import { silentLog } from '../silent-log.ts'
import { temporaryFolder } from './swarm.ts'

/** A busy machine takes its time. */
const PATIENT = { timeout: 60_000 }

const told = (port: number) => ({
  addresses: [`/ip4/192.0.2.1/tcp/${port}`],
  from: '/ip4/192.0.2.1/tcp/1',
})

test('what is said while it is written is written once, the newest of it', async () => {
  const warned: string[] = []
  const file = join(await temporaryFolder(), 'missing', 'whereabouts.json')
  const log = { ...silentLog, warn: (text: string) => void warned.push(text) }
  const kept = keptWhereabouts(file, log)
  for (let port = 1; port <= 9; port++) kept.write(told(port))
  await expect.poll(() => warned.length, PATIENT).toBe(2)
  kept.write(told(10))
  await expect.poll(() => warned.length, PATIENT).toBe(3)
})

test('the newest is there the next time', async () => {
  const file = join(await temporaryFolder(), 'whereabouts.json')
  const kept = keptWhereabouts(file, silentLog)
  for (let port = 1; port <= 9; port++) kept.write(told(port))
  await expect.poll(() => keptWhereabouts(file, silentLog).read(), PATIENT).toEqual(told(9))
})
