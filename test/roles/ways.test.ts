/** Who is told where a coordinator is reached, and when. */
import { expect, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { connect } from '../../node/network/dial.ts'
import { parseLink } from '../../node/network/link.ts'
import { listenForNotices } from '../../node/network/notices.ts'
import type { Notice } from '../../protocol/messages.ts'
import { testHost } from '../network/hosts.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

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
    expect(parseLink(hosted.leadBy(way).link).addresses).toContain(named)
    await expect.poll(() => told.at(-1), PATIENT).toEqual([named, ...addresses])
  }
  // It hears what all hear.
  await expect.poll(() => notices.map(({ type }) => type), PATIENT).toContain('round')
  expect(notices.map(({ type }) => type)).not.toContain('addresses')
})
