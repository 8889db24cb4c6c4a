/** Batches that nobody can train on stop the host, which says what is wrong with them. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { parseLink } from '../../node/network/link.ts'
import { request } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { PROTOCOL_VERSION } from '../../protocol/index.ts'
import { hostRun, prepareSmallRun } from './swarm.ts'

test('batches that fail alike stop a run with the reason; hosted again, it goes on', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const { addresses, token } = parseLink(hosted.link)
  const privateKey = await generateKeyPair('Ed25519')
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  const connection = await connect(host, addresses)
  const joined = await request(connection, {
    type: 'join',
    version: PROTOCOL_VERSION,
    runId: null,
    token,
    session: 1,
    name: 'ada',
    software: 'test',
  })
  if (joined.type !== 'joined') throw new Error(joined.type)
  const { round, base } = joined.start
  const reason = 'ids must be below 2000: one is 2019'
  for (let time = 1; time <= 3; time++) {
    const lease = await request(connection, { type: 'lease', round, base, stepMs: null })
    if (lease.type !== 'leased') throw new Error(lease.type)
    const { leaseId } = lease
    const reply = await request(connection, { type: 'fail', leaseId, cause: 'training', reason })
    expect(reply).toEqual({ type: 'released', leaseId })
  }
  await expect(hosted.finished).rejects.toThrow(
    `the same batches failed 3 times, on 1 volunteer, each time alike: ${reason}`,
  )
  await host.stop()
  await hosted.stop()
  const again = await hostRun(run)
  expect(again.status()).toMatchObject({ phase: 'training', round: 0 })
})
