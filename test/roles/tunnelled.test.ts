/** A run that is reached through a tunnel or proxy alone, whatever that does to connections. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { createLog } from '../../node/log.ts'
import { announcedAddress, parseLink } from '../../node/network/link.ts'
import { coordinatorAt } from '../../node/network/page-link.ts'
import { startTunnel } from '../../node/network/tunnel.ts'
import { startRelay } from '../../node/roles/relay.ts'
import { openRun } from '../../node/run/open-run.ts'
import { chaosProxy } from '../network/chaos-proxy.ts'
import { standInTunnel } from '../network/stand-in.ts'
import { silentLog } from '../silent-log.ts'
import { freePort } from './free-port.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

const PATIENT = { timeout: 120_000 }
const STEPS = 48
const DEATHS = 2

/** A run whose port a tunnel leads to, from the port that is given; 0: another each time. */
async function hostBehindTunnel(from: number, relays: string[] = []) {
  const run = await prepareSmallRun({ max_steps: STEPS })
  const port = await freePort()
  const hosted = await hostRun(run, {
    listen: [`/ip4/127.0.0.1/tcp/${port}/ws`],
    relays,
    pages: ({ coordinator }) => ({
      answer: (_request, response) => response.end(JSON.stringify({ coordinator })),
    }),
  })
  const pidFile = join(await temporaryFolder(), 'pid')
  const lost: (string | null)[] = []
  const ways: string[] = []
  const tunnel = startTunnel({
    command: standInTunnel({ from, to: port, pidFile }),
    port,
    leadsHere: (address) =>
      coordinatorAt(new URL(address)).then(
        (peer) => peer === hosted.coordinator,
        () => false,
      ),
    onAddress: (address) => {
      ways.push(announcedAddress(address))
      hosted.leadBy({ others: [ways.at(-1)!], isShut: false })
    },
    onLost: (reason) => lost.push(reason),
    times: { seekMs: 50, restartMs: 10 },
  })
  onTestFinished(tunnel.stop)
  await tunnel.ready
  const addresses = [`${ways[0]}/p2p/${hosted.coordinator}`]
  return {
    run,
    hosted,
    lost,
    /** Where the tunnel led from, the newest last. */
    ways,
    /** It names the tunnel alone. */
    invite: { ...parseLink(hosted.link), addresses },
    kill: async () => process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL'),
  }
}

test('a tunnel that dies again and again is started again, and no batch is lost', async () => {
  const { run, hosted, lost, invite, kill } = await hostBehindTunnel(await freePort())
  await joinRun(run, invite, 'ada')
  for (let deaths = 1; deaths <= DEATHS; deaths++) {
    const before = hosted.status().batchesCounted
    await kill()
    await expect.poll(() => lost.length, PATIENT).toBe(2 * deaths)
    await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(before)
  }
  await hosted.finished
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: STEPS }])
})

test('a tunnel that comes back elsewhere is found by those who are here', async () => {
  const relay = await startRelay({
    identity: join(await temporaryFolder(), 'relay.key'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    caps: { allowed: null, hostsMax: 1, perHostMax: 1, perAddressMax: 1, relayedMax: 1 },
    log: silentLog,
  })
  onTestFinished(relay.stop)
  const { run, hosted, ways, invite, kill } = await hostBehindTunnel(0, [relay.addresses[0]!])
  await joinRun(run, invite, 'ada')
  await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(0)
  await kill()
  // It hears of the tunnel's new address by the relay, of which it heard by the old one.
  await expect.poll(() => relay.status().relayed, PATIENT).toBe(1)
  await expect.poll(() => ways.length, PATIENT).toBe(2)
  await expect.poll(() => hosted.status().participants[0]?.state, PATIENT).toBe('here')
  const before = hosted.status().batchesCounted
  await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(before)
  await relay.stop()
  await hosted.finished
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: STEPS }])
})

test('a proxy that cuts every WebSocket after a while costs no work', async () => {
  const steps = { lease_steps_min: 8, lease_steps_max: 8 }
  const run = await prepareSmallRun({ max_steps: STEPS }, { ...steps, rejoin_seconds: 60 })
  const facts: Progress[] = []
  const ofType = (type: Progress['type']) => facts.filter((fact) => fact.type === type)
  const hosted = await hostRun(run, {
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    // Whoever holds a lease is cut off.
    onProgress: (fact) => {
      facts.push(fact)
      if (fact.type === 'leased') proxy.resetAll()
    },
  })
  const invite = parseLink(hosted.link)
  const proxy = await chaosProxy(invite.addresses)
  const said: string[] = []
  const log = createLog('warn', (line) => said.push(line))
  await joinRun(run, { ...invite, addresses: proxy.addresses }, 'ada', { log })
  await hosted.finished
  await hosted.stop()
  expect(ofType('away').length).toBeGreaterThan(1)
  expect(said.filter((line) => line.includes('can raise its timeout'))).toHaveLength(1)
  // Each batch was leased once, and handed in by who had it.
  expect(ofType('leased')).toHaveLength(STEPS / 8)
  expect(ofType('committed')).toHaveLength(STEPS / 8)
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: STEPS }])
})
