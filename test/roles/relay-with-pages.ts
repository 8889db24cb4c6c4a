/** A relay that serves the pages, as `barnraise relay` does it. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { relayPages } from '../../node/dashboard/relay-pages.ts'
import { type RelayRole, startRelay } from '../../node/roles/relay.ts'
import { silentLog } from '../silent-log.ts'
import { temporaryFolder } from './swarm.ts'

const CAPS = { allowed: null, hostsMax: 4, perHostMax: 32, perAddressMax: 32, relayedMax: 32 }

/** Returns what a host gives to `--relay`. */
export async function relayWithPages(): Promise<string> {
  return (await startRelayWithPages()).addresses[0]!
}

export async function startRelayWithPages(): Promise<RelayRole> {
  const role = await startRelay({
    identity: join(await temporaryFolder(), 'relay.key'),
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    announce: [],
    caps: CAPS,
    pages: relayPages,
    log: silentLog,
  })
  onTestFinished(role.stop)
  return role
}
