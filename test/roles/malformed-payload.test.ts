/**
 * A volunteer that commits rubbish and uploads it, byte for byte: it is refused, not kept, its
 * batches go to somebody else at once, and the third time the volunteer is banned.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { adapterLayout, encodedBytes, payloadBytes } from '../../kernels/index.ts'
import { uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { identityOf } from '../../node/network/identity.ts'
import { parseLink } from '../../node/network/link.ts'
import { request } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { openRun } from '../../node/run/open-run.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { digestOf, NO_CREDIT, PROTOCOL_VERSION, signingBytes } from '../../protocol/index.ts'
import { hostRun, prepareSmallRun } from './swarm.ts'

test('a payload that is none is refused, gone and struck; three of them are a ban', async () => {
  // Nobody repeats the work, which would find it out as well.
  const run = await prepareSmallRun({}, { trust: 'everyone' })
  const { config, runId } = await readRunConfig(run)
  const layout = adapterLayout(config.base.shape, config.adapter)
  const size = payloadBytes('delta', 'int4', layout)
  const codesEnd = encodedBytes('int4', layout.count)
  const rubbish = (at: number, ...values: number[]): Uint8Array => {
    const bytes = new Uint8Array(size)
    bytes.set(values, at)
    return bytes
  }
  const hosted = await hostRun(run)
  const identity = identityOf(await generateKeyPair('Ed25519'))
  const peer = identity.peerId
  const { privateKey } = identity
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  const { addresses, token } = parseLink(hosted.link)
  const connection = await connect(host, addresses)
  const about = { runId, token, name: 'mallory', software: 'test' }
  const joining = { type: 'join', version: PROTOCOL_VERSION, session: 1, ...about } as const
  const joined = await request(connection, joining)
  if (joined.type !== 'joined') throw new Error(joined.type)
  const { round, base } = joined.start
  const mine = createMemoryBlobStore()

  async function handIn(bytes: Uint8Array) {
    const lease = await request(connection, { type: 'lease', round, base, stepMs: null })
    if (lease.type !== 'leased') throw new Error(lease.type)
    const { leaseId, firstBatch } = lease
    const payload = await mine.put(bytes)
    const work = { runId, round, leaseId, peer, base, firstBatch, steps: 1, tokens: 1, loss: 1 }
    const contribution = { ...work, trace: [digestOf(bytes)], payload, stepMs: 1 }
    const signature = await identity.sign(signingBytes('contribution', contribution))
    const reply = await request(connection, { type: 'commit', contribution, signature })
    return { reply, upload: () => uploadBlob(connection, leaseId, payload, mine), payload }
  }

  const short = await handIn(new Uint8Array(size - 1))
  expect(short.reply).toMatchObject({ type: 'refused', refusal: 'wrong-payload' })
  const blobs = await createFileBlobStore(run.blobs)
  for (const [bytes, reason] of [
    [rubbish(0, 0x00, 0x7e), 'scale'],
    [rubbish(2, 0x00, 0x7c), 'scale'],
    [rubbish(codesEnd - 2, 0x08), 'a code is -8'],
  ] as const) {
    const { reply, upload, payload } = await handIn(bytes)
    expect(reply).toMatchObject({ type: 'committed' })
    await expect(upload()).rejects.toThrow(reason)
    expect(await blobs.has(payload.digest)).toBe(false)
  }
  expect(hosted.status().participants).toEqual([])
  const again = await connect(host, addresses)
  expect(await request(again, joining)).toMatchObject({ type: 'refused', refusal: 'banned' })
  await host.stop()
  await hosted.stop()
  const { state } = await openRun(run)
  expect(state.records.get(peer)).toMatchObject({ strikes: 3, credit: NO_CREDIT })
  expect(state.leases.size).toBe(0)
})
