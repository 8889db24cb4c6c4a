/** A host that is reached through a relay alone, whatever becomes of the relay. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { evidenceAt } from '../../node/cli/evidence-at.ts'
import { followRun, nothingSeen } from '../../node/history/events.ts'
import { createLog } from '../../node/log.ts'
import { pageAddress, parseLink, withWords } from '../../node/network/link.ts'
import type { RelayCaps } from '../../node/network/relay.ts'
import { runPages } from '../../node/network/run-pages.ts'
import { type RelayRole, startRelay } from '../../node/roles/relay.ts'
import type { Ways } from '../../node/roles/ways.ts'
import { openRun } from '../../node/run/open-run.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyPublished, verifyRun } from '../../node/run/verify-run.ts'
import { hostWithPages } from '../chromium/hosted-pages.ts'
import { silentLog } from '../silent-log.ts'
import { freePort } from './free-port.ts'
import { relayWithPages, startRelayWithPages } from './relay-with-pages.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

const PATIENT = { timeout: 120_000 }
const CAPS: RelayCaps = {
  allowed: null,
  hostsMax: 4,
  perHostMax: 8,
  perAddressMax: 8,
  relayedMax: 8,
}

async function relayAt(
  port: number,
  folder: string,
  caps: Partial<RelayCaps> = {},
): Promise<RelayRole> {
  const role = await startRelay({
    identity: join(folder, 'relay.key'),
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    announce: [],
    caps: { ...CAPS, ...caps },
    log: silentLog,
  })
  onTestFinished(role.stop)
  return role
}

/** The link with that address alone that leads through a relay, which may be named. */
function relayedOnly(link: string, relay = '') {
  const invite = parseLink(link)
  const through = `${relay}/p2p-circuit/`
  const addresses = invite.addresses.filter((address) => address.includes(through))
  expect(addresses).toHaveLength(1)
  return { ...invite, addresses }
}

async function hostBehind(relay: RelayRole, run: RunFolder) {
  return hostRun(run, { relays: [relay.addresses[0]!] })
}

test('a run through a relay ends like every other, and the relay has no part in it', async () => {
  const run = await prepareSmallRun()
  const relay = await relayAt(0, await temporaryFolder())
  const hosted = await hostBehind(relay, run)
  const ways: string[] = []
  const onWay = (way: string) => void ways.push(way)
  const volunteer = await joinRun(run, relayedOnly(hosted.link), 'ada', { onWay })
  await expect.poll(() => relay.status(), PATIENT).toEqual({ hosts: 1, relayed: 1 })
  await expect.poll(volunteer.way, PATIENT).toBe('relayed')
  expect(ways).toEqual(['relayed'])
  await hosted.finished
  await hosted.stop()
  expect((await openRun(run)).state.batchesCounted).toBe(16)
  expect((await verifyRun(run)).mismatches).toEqual([])
})

test('it is watched and verified through the relay, by its link and by its page', async () => {
  const run = await prepareSmallRun()
  const relays = [await relayWithPages()]
  const hosted = await hostWithPages(run, { listen: ['/ip4/127.0.0.1/tcp/0'], relays })
  await joinRun(run, relayedOnly(hosted.link), 'ada')
  await hosted.finished
  const [page = ''] = hosted.pageAddresses
  const word = hosted.link.split('#')[1]
  for (const link of [hosted.link, withWords(page, `join=${word}`)]) {
    const pages = runPages(link)
    const { value } = await followRun(
      pages.address,
      nothingSeen(),
      new AbortController().signal,
      pages.ask,
    ).next()
    expect(value!.tables.run!.name).toBe('small')
    await pages.stop()
    const { from, trusted, close } = evidenceAt(link)
    expect(trusted.coordinator).toBe(hosted.coordinator)
    if (from.type !== 'place') throw new Error('a link leads to a place')
    expect(await verifyPublished(from.place, { trusted })).toMatchObject({ ok: true })
    await close()
  }
  await hosted.stop()
})

test('two runs share the one port of a relay, with the pages and volunteers of both', async () => {
  const runs = [await prepareSmallRun(), await prepareSmallRun({ seed: 6 })]
  const relays = [await relayWithPages()]
  const origins = new Set<string>()
  const hosted = []
  for (const run of runs) {
    const one = await hostWithPages(run, { listen: ['/ip4/127.0.0.1/tcp/0'], relays })
    await joinRun(run, relayedOnly(one.link), 'ada')
    hosted.push(one)
  }
  for (const { runId, link, pageAddresses, finished } of hosted) {
    const [page = ''] = pageAddresses
    origins.add(new URL(page).origin)
    const pages = runPages(withWords(page, `join=${link.split('#')[1]}`))
    const { signal } = new AbortController()
    const { value } = await followRun(pages.address, nothingSeen(), signal, pages.ask).next()
    expect(value!.tables.run!.runId).toBe(runId)
    await pages.stop()
    await finished
  }
  expect(origins.size).toBe(1)
  expect(new Set(hosted.map(({ runId }) => runId)).size).toBe(2)
  for (const { stop } of hosted) await stop()
  for (const run of runs) expect((await verifyRun(run)).mismatches).toEqual([])
})

test('a relay that dies is found again, and no batch is lost', async () => {
  const run = await prepareSmallRun({ max_steps: 64 })
  const folder = await temporaryFolder()
  const port = await freePort()
  const first = await relayAt(port, folder)
  const hosted = await hostBehind(first, run)
  await joinRun(run, relayedOnly(hosted.link), 'ada')
  await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(0)
  await first.stop()
  const second = await relayAt(port, folder)
  expect(second.addresses).toEqual(first.addresses)
  await expect.poll(() => second.status(), PATIENT).toEqual({ hosts: 1, relayed: 1 })
  await hosted.finished
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: 64 }])
})

test('a relay that is lost gives away no page any more, and the next one does', async () => {
  const run = await prepareSmallRun()
  const relays = [await startRelayWithPages(), await startRelayWithPages()]
  const [first, second] = relays.map(({ addresses }) => pageAddress(`${addresses[0]}`))
  const moved: Ways[] = []
  const hosted = await hostRun(run, {
    relays: relays.map(({ addresses }) => addresses[0]!),
    onMoved: (ways) => moved.push(ways),
  })
  const at = `#at=${hosted.coordinator}`
  expect(hosted.pageAddresses).toEqual([`${first}${at}`, `${second}${at}`])
  await relays[0]!.stop()
  await expect.poll(() => moved.length, PATIENT).toBe(1)
  expect(moved[0]!.pageAddresses).toEqual([`${second}${at}`])
  const relayed = (link: string) =>
    parseLink(link).addresses.filter((address) => address.includes('/p2p-circuit/'))
  expect(relayed(moved[0]!.link)).toEqual(relayed(hosted.link).reverse())
})

test('a relay that dies for good is left for one that the link did not name', async () => {
  const run = await prepareSmallRun({ max_steps: 64 })
  const first = await relayAt(0, await temporaryFolder())
  const second = await relayAt(0, await temporaryFolder())
  const relays = [first.addresses[0]!, second.addresses[0]!]
  const hosted = await hostRun(run, { relays })
  await joinRun(run, relayedOnly(hosted.link, relays[0]), 'ada')
  await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(0)
  expect(second.status()).toEqual({ hosts: 0, relayed: 0 })
  await first.stop()
  await expect.poll(() => second.status(), PATIENT).toEqual({ hosts: 1, relayed: 1 })
  await hosted.finished
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: 64 }])
})

for (const [what, caps, joined] of [
  ['two volunteers of one host', { perHostMax: 1 }, 1],
  ['two in all', { relayedMax: 1 }, 1],
  ['two where two may pass', {}, 2],
] as const) {
  test(`${what}: ${joined} of them`, async () => {
    const run = await prepareSmallRun({ max_steps: 400 })
    const hosted = await hostBehind(await relayAt(0, await temporaryFolder(), caps), run)
    const invite = relayedOnly(hosted.link)
    const refused = Promise.withResolvers<void>()
    const log = createLog('info', (line) => {
      if (line.includes('Cannot reach the run')) refused.resolve()
    })
    await joinRun(run, invite, 'ada')
    await expect.poll(() => hosted.status().participantCount, PATIENT).toBe(1)
    await joinRun(run, invite, 'ben', { log })
    if (joined === 1) await refused.promise
    await expect.poll(() => hosted.status().participantCount, PATIENT).toBe(joined)
  })
}

for (const [what, caps] of [
  ['is on no list', { allowed: new Set(['12D3KooWstranger']) }],
  ['finds all places taken', { hostsMax: 0 }],
] as const) {
  test(`a host that ${what} is told`, async () => {
    const run = await prepareSmallRun()
    const relay = await relayAt(0, await temporaryFolder(), caps)
    await expect(hostBehind(relay, run)).rejects.toThrow(
      'Cannot be reached through a relay as none has a place',
    )
  })
}

test('of several relays, one is enough', async () => {
  const run = await prepareSmallRun()
  const folder = await temporaryFolder()
  const gone = await relayAt(0, folder)
  await gone.stop()
  const here = await relayAt(0, await temporaryFolder())
  const relays = [gone.addresses[0]!, here.addresses[0]!]
  const hosted = await hostRun(run, { relays })
  const { addresses, ...invite } = parseLink(hosted.link)
  const relayed = addresses.filter((address) => address.includes('/p2p-circuit/'))
  expect(relayed).toHaveLength(2)
  await joinRun(run, { ...invite, addresses: relayed }, 'ada')
  await hosted.finished
})

test('a host whose relay is not there is told', async () => {
  const run = await prepareSmallRun()
  const relay = await relayAt(0, await temporaryFolder())
  await relay.stop()
  await expect(hostBehind(relay, run)).rejects.toThrow(
    /127.0.0.1.*: connect ECONNREFUSED .*whether it is up/,
  )
})
