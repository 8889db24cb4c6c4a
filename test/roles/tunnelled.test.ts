/** A run that is reached through a tunnel or proxy alone, whatever that does to connections. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { announcedAddress, parseLink } from '../../node/network/link.ts'
import { coordinatorAt } from '../../node/network/page-link.ts'
import { startTunnel } from '../../node/network/tunnel.ts'
import { openRun } from '../../node/run/open-run.ts'
import { chaosProxy } from '../network/chaos-proxy.ts'
import { standInTunnel } from '../network/stand-in.ts'
import { freePort } from './free-port.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

const PATIENT = { timeout: 120_000 }
const STEPS = 48
const DEATHS = 2

test('a tunnel that dies again and again is started again, and no batch is lost', async () => {
  const run = await prepareSmallRun({ max_steps: STEPS })
  const port = await freePort()
  const hosted = await hostRun(run, {
    listen: [`/ip4/127.0.0.1/tcp/${port}/ws`],
    pages: ({ coordinator }) => ({
      answer: (_request, response) => response.end(JSON.stringify({ coordinator })),
    }),
  })
  const pidFile = join(await temporaryFolder(), 'pid')
  const lost: (string | null)[] = []
  const tunnel = startTunnel({
    command: standInTunnel({ from: await freePort(), to: port, pidFile }),
    port,
    leadsHere: (address) =>
      coordinatorAt(new URL(address)).then(
        (peer) => peer === hosted.coordinator,
        () => false,
      ),
    onAddress: () => {},
    onLost: (reason) => lost.push(reason),
    times: { seekMs: 50, restartMs: 10 },
  })
  onTestFinished(tunnel.stop)
  const address = announcedAddress(await tunnel.ready)
  const invite = parseLink(hosted.waysBy(address).link)
  const addresses = invite.addresses.filter((one) => one.startsWith(`${address}/p2p/`))
  expect(addresses).toHaveLength(1)
  await joinRun(run, { ...invite, addresses }, 'ada')
  for (let deaths = 1; deaths <= DEATHS; deaths++) {
    const before = hosted.status().batchesCounted
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL')
    await expect.poll(() => lost.length, PATIENT).toBe(2 * deaths)
    await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(before)
  }
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
  await joinRun(run, { ...invite, addresses: proxy.addresses }, 'ada')
  await hosted.finished
  await hosted.stop()
  expect(ofType('away').length).toBeGreaterThan(1)
  // Each batch was leased once, and handed in by who had it.
  expect(ofType('leased')).toHaveLength(STEPS / 8)
  expect(ofType('committed')).toHaveLength(STEPS / 8)
  const { state } = await openRun(run)
  expect(state.ledger.counted).toEqual([{ start: 0, end: STEPS }])
})
