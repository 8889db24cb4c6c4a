/** Two who meet at a relay come together without it, and nobody is led where it must not be. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../node/network/dial.ts'
import { servePunches, withoutRelay } from '../../node/network/hole-punching.ts'
import { relayedAddress } from '../../node/network/relay-places.ts'
import { wayOf } from '../../node/network/way.ts'
import { startRelay } from '../../node/roles/relay.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { silentLog } from '../silent-log.ts'
import { testHost } from './hosts.ts'

async function relayHere(): Promise<string> {
  const relay = await startRelay({
    identity: join(await temporaryFolder(), 'relay.key'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    caps: { allowed: null, hostsMax: 1, perHostMax: 2, perAddressMax: 2, relayedMax: 2 },
    log: silentLog,
  })
  onTestFinished(relay.stop)
  return relay.addresses[0]!
}

test('who meet at a relay dial each other, and leave it', async () => {
  const relay = await relayHere()
  const host = await testHost('tcp', 'coordinator', { relays: [relay], listen: [] })
  await servePunches(host)
  const volunteer = await testHost('tcp', 'volunteer')
  const address = relayedAddress(relay, `${host.peerId}`)
  const upgrade = withoutRelay
  const connection = await connect(volunteer, [address], undefined, { upgrade })
  expect(wayOf(connection)).toBe('hole punching')
  await host.handle('/test/echo', (stream) => void stream.close())
  await connection.newStream('/test/echo')
  const seen = host.getConnections(volunteer.peerId).map((one) => [wayOf(one), one.direction])
  expect(seen).toContainEqual(['hole punching', 'inbound'])
})
