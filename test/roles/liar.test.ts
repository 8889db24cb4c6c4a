/**
 * A volunteer that makes its work up, in a real run: the work is repeated, found wrong and taken
 * back, and the round makes the adapter that it makes without it, bit for bit.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { adapterLayout, payloadBytes } from '../../kernels/index.ts'
import { uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { identityOf } from '../../node/network/identity.ts'
import { parseLink } from '../../node/network/link.ts'
import { request } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { digestOf, PROTOCOL_VERSION, signingBytes } from '../../protocol/index.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

/** Those of one round: later ones are merged with more caution, where somebody has lied. */
const BATCHES = 8
const SWARM = { trust: 'friends', audit: '{q_full: 1}' }

/** Joins, commits and uploads a delta of nothing with a trace of nothing, and goes. */
async function lie(run: RunFolder, link: string): Promise<string> {
  const { config, runId } = await readRunConfig(run)
  const layout = adapterLayout(config.base.shape, config.adapter)
  const identity = identityOf(await generateKeyPair('Ed25519'))
  const { peerId: peer, privateKey } = identity
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  const { addresses, token } = parseLink(link)
  const connection = await connect(host, addresses)
  const about = { runId, token, name: 'mallory', software: 'test' }
  const joining = { type: 'join', version: PROTOCOL_VERSION, session: 1, ...about } as const
  const joined = await request(connection, joining)
  if (joined.type !== 'joined') throw new Error(joined.type)
  const { round, base } = joined.start
  const lease = await request(connection, { type: 'lease', round, base, stepMs: null })
  if (lease.type !== 'leased') throw new Error(lease.type)
  const { leaseId, firstBatch, steps } = lease
  const mine = createMemoryBlobStore()
  const payload = await mine.put(new Uint8Array(payloadBytes('delta', 'int4', layout)))
  const trace = Array.from({ length: steps }, (_, place) => digestOf(Uint8Array.of(place)))
  const work = { runId, round, leaseId, peer, base, firstBatch, steps, tokens: 10, loss: 1 }
  const contribution = { ...work, trace, payload, stepMs: 1 }
  const signature = await identity.sign(signingBytes('contribution', contribution))
  await request(connection, { type: 'commit', contribution, signature })
  // The coordinator may be faster than the upload.
  await uploadBlob(connection, leaseId, payload, mine).catch(() => {})
  await request(connection, { type: 'leave', reason: 'enough' })
  await host.stop()
  return peer
}

async function adapterOf(withLiar: boolean): Promise<string> {
  const run = await prepareSmallRun({ max_steps: BATCHES }, SWARM)
  const hosted = await hostRun(run)
  const liar = withLiar ? await lie(run, hosted.link) : null
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  const { base, audits, batchesCounted } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(BATCHES)
  expect(audits.mismatches).toBe(liar === null ? 0 : 1)
  expect(await verifyRun(run)).toMatchObject({ ok: true, adapterSha256: base })
  return base
}

test('the adapter of a round is that of a run in which the liar never came', async () => {
  expect(await adapterOf(true)).toBe(await adapterOf(false))
})
