/** Who is told where a coordinator is reached, and when, and what it does with that. */
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { createLog } from '../../node/log.ts'
import { connect } from '../../node/network/dial.ts'
import { parseLink } from '../../node/network/link.ts'
import { listenForNotices } from '../../node/network/notices.ts'
import { keptWhereabouts } from '../../node/roles/kept-whereabouts.ts'
import type { Notice } from '../../protocol/messages.ts'
import { testHost } from '../network/hosts.ts'
import { silentLog } from '../silent-log.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

const PATIENT = { timeout: 120_000 }

test('those who have joined are told, again when it changes, and nobody else is', async () => {
  const run = await prepareSmallRun({ max_steps: 400 })
  const hosted = await hostRun(run)
  const { addresses, coordinator } = parseLink(hosted.link)
  const stranger = await testHost('tcp', 'volunteer')
  const connection = await connect(stranger, addresses)
  const notices: Notice[] = []
  const never = new AbortController().signal
  void heard(listenForNotices(connection, (notice) => notices.push(notice), never))
  await expect.poll(() => notices, PATIENT).toContainEqual({ type: 'heartbeat' })

  const told: string[][] = []
  await joinRun(run, hosted.link, 'ada', { onAddresses: (all) => told.push(all) })
  // What is of this machine alone leads nowhere from others.
  await expect.poll(() => told.at(-1), PATIENT).toEqual(addresses)
  for (const name of ['one', 'two']) {
    const way = `/dns/${name}.example.org/tcp/443/tls/ws`
    const named = `${way}/p2p/${coordinator}`
    expect(parseLink(hosted.leadBy({ others: [way], isShut: false }).link).addresses).toContain(
      named,
    )
    await expect.poll(() => told.at(-1), PATIENT).toEqual([named, ...addresses])
  }
  // It hears what all hear.
  await expect.poll(() => notices.map(({ type }) => type), PATIENT).toContain('round')
  expect(notices.map(({ type }) => type)).not.toContain('addresses')
})

/** A port of this machine where nobody speaks; it counts who comes. */
async function trap() {
  let came = 0
  const server = createServer((socket) => {
    came += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { port: (server.address() as AddressInfo).port, came: () => came }
}

for (const [how, place, isDialled] of [
  ['by a name, which may be anywhere', '/dns4/localhost', false],
  ['on this machine', '/ip4/127.0.0.1', true],
] as const) {
  for (const named of ['/ip4/127.0.0.1', '/dns4/localhost']) {
    const whether = isDialled ? 'led' : 'not led'
    test(`whoever reaches its run ${how} is ${whether} to ${named} by it`, async () => {
      const run = await prepareSmallRun({ max_steps: 400 })
      const hosted = await hostRun(run)
      const { addresses, ...invite } = parseLink(hosted.link)
      const { port, came } = await trap()
      const told: string[][] = []
      const missed = Promise.withResolvers<void>()
      const log = createLog('info', (line) => {
        if (line.includes('Cannot reach the run')) missed.resolve()
      })
      const through = addresses.map((address) => address.replace('/ip4/127.0.0.1', place))
      const onAddresses = (all: string[]) => told.push(all)
      await joinRun(run, { ...invite, addresses: through }, 'ada', { log, onAddresses })
      hosted.leadBy({ others: [`${named}/tcp/${port}`], isShut: false })
      await expect.poll(() => told.flat().join(), PATIENT).toContain(`/tcp/${port}/`)
      await hosted.stop()
      await missed.promise
      expect(came() > 0).toBe(isDialled)
    })
  }
}

test('whoever is started again finds its run where it was told last', async () => {
  const run = await prepareSmallRun({ max_steps: 400 })
  const hosted = await hostRun(run)
  const { addresses, ...invite } = parseLink(hosted.link)
  const [now = ''] = addresses[0]!.split('/p2p/')
  const first = await joinRun(run, hosted.link, 'ada')
  await expect.poll(() => hosted.status().participantCount, PATIENT).toBe(1)
  hosted.leadBy({ others: [now], isShut: false })
  const kept = keptWhereabouts(join(run.root, 'volunteers', 'ada', 'whereabouts.json'), silentLog)
  await expect.poll(async () => (await kept.read())?.addresses, PATIENT).toEqual([addresses[0]])
  await first.stop()
  await expect.poll(() => hosted.status().participants[0]?.state, PATIENT).not.toBe('here')
  const old = `/ip4/127.0.0.1/tcp/1/p2p/${invite.coordinator}`
  await joinRun(run, { ...invite, addresses: [old] }, 'ada')
  await expect.poll(() => hosted.status().participants[0]?.state, PATIENT).toBe('here')
})

for (const [what, text] of [
  ['is not there', null],
  ['is broken', '{"addresses":["/ip4'],
  ['says something else', '[]'],
  ['names what is no address', '{"addresses":[1],"from":""}'],
  ['is too large', `{"addresses":[],"from":"","more":"${'x'.repeat(50_000)}"}`],
] as const) {
  test(`a file of where a run is that ${what} says nothing`, async () => {
    const file = join(await temporaryFolder(), 'whereabouts.json')
    if (text !== null) await writeFile(file, text)
    expect(await keptWhereabouts(file, silentLog).read()).toBe(null)
  })
}
