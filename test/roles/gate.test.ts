/** Somebody sends numbers that ruin the adapter: they are not published, and the run goes on. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, onTestFinished, test } from 'vitest'
import { adapterLayout, encodedBytes, payloadBytes } from '../../kernels/index.ts'
import { writeExport } from '../../node/export/write-export.ts'
import { uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { identityOf } from '../../node/network/identity.ts'
import { parseLink } from '../../node/network/link.ts'
import { request } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { takeawayOf } from '../../node/run/export-run.ts'
import { openRun } from '../../node/run/open-run.ts'
import { readManifest } from '../../node/run/read-manifest.ts'
import { eventOf } from '../../node/run/replay.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { readUntouched } from '../../node/storage/sqlite-journal.ts'
import { digestOf, PROTOCOL_VERSION, signingBytes } from '../../protocol/index.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

const LEARNING_RATE = 0.006
const STEPS = 8
/** A busy machine takes long. */
const PATIENT = { timeout: 120_000 }
/** Batches of a round. */
const ROUND = 8

test('a merge that ruins the adapter is not published, and its round is done again', async () => {
  const settings = { learning_rate: LEARNING_RATE, lr_scheduler: 'constant' }
  const run = await prepareSmallRun(settings, {
    trust: 'everyone',
    lease_steps_min: STEPS,
    lease_steps_max: STEPS,
  })
  const hosted = await hostRun(run)
  await spoilRound(run, hosted.link)
  const isRefused = () => hosted.facts.some(({ type }) => type === 'merge-refused')
  await expect.poll(isRefused, PATIENT).toBe(true)
  expect(hosted.status()).toMatchObject({ round: 0, batchesCounted: 0 })
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  const { evaluations } = hosted.status()
  await hosted.stop()
  expect(evaluations.at(-1)!.loss).toBeLessThan(evaluations[0]!.loss)
  expect((await verifyRun(run)).mismatches).toEqual([])
  const { state } = await openRun(run)
  expect(state).toMatchObject({ batchesCounted: 16, refusedMerges: { inARow: 0, total: 1 } })
  // What was refused would not be what training again gives: nobody says that it counted.
  const replay = { type: 'share', share: 1, seed: 1 } as const
  const replayed = { ok: true, replayedSteps: 16, countedSteps: 16, takenBackSteps: ROUND }
  expect(await verifyRun(run, { replay })).toMatchObject(replayed)
  const exported = await exportRefused(run)
  expect((await verifyRun(run, { exported })).mismatches).toEqual([
    { record: exported, reason: expect.stringContaining('of none of the rounds') },
  ])
})

/** The adapter that the gate refused, written as an export of the run would be. */
async function exportRefused(folder: RunFolder): Promise<string> {
  const run = await openRun(folder)
  const out = await temporaryFolder()
  const journal = readUntouched(folder.journal, run.runId)
  const merged = Array.from(journal.read(), ({ body }) => eventOf(body)).find(
    (event) => event.type === 'aggregated',
  )!
  journal.close()
  const { digest } = merged.aggregate.manifest
  const { manifest } = await readManifest(run.blobs, digest)
  const takeaway = await takeawayOf(run, [{ digest, manifest }], folder.base)
  await writeExport({ format: 'peft', folder: out, dtype: null }, takeaway)
  return out
}

/** Takes a whole round, and sends noise that is as large as the bound lets through. */
async function spoilRound(run: RunFolder, link: string): Promise<void> {
  const { config, runId } = await readRunConfig(run)
  const layout = adapterLayout(config.base.shape, config.adapter)
  const identity = identityOf(await generateKeyPair('Ed25519'))
  const { privateKey, peerId: peer } = identity
  const host = await createHost({
    privateKey,
    listen: [],
    role: 'volunteer',
    transports: localTransports(),
  })
  onTestFinished(() => host.stop())
  const { addresses, token } = parseLink(link)
  const connection = await connect(host, addresses)
  const about = { runId, token, name: 'mallory', software: 'test' }
  const joining = { type: 'join', version: PROTOCOL_VERSION, session: 1, ...about } as const
  const joined = await request(connection, joining)
  if (joined.type !== 'joined') throw new Error(joined.type)
  const { round, base } = joined.start
  const mine = createMemoryBlobStore()
  for (let batch = 0; batch < ROUND; batch += STEPS) {
    const lease = await request(connection, { type: 'lease', round, base, stepMs: 10 })
    if (lease.type !== 'leased') throw new Error(lease.type)
    const { leaseId, firstBatch, steps } = lease
    const size = payloadBytes('delta', 'int4', layout)
    const payload = await mine.put(noise(leaseId, encodedBytes('int4', layout.count), size))
    const tokens = steps * config.training.batchSequences * config.dataset.sequenceLength
    const work = { runId, round, leaseId, peer, base, firstBatch, steps, tokens, loss: 1 }
    const trace = Array.from({ length: steps }, (_, k) => digestOf(Uint8Array.of(leaseId, k)))
    const contribution = { ...work, trace, payload, stepMs: 10 }
    const signature = await identity.sign(signingBytes('contribution', contribution))
    await request(connection, { type: 'commit', contribution, signature })
    await uploadBlob(connection, leaseId, payload, mine)
  }
  await request(connection, { type: 'leave', reason: 'that will do' })
}

/** The float16 0.0137: seven of it are just below the bound, STEPS · 2 · LEARNING_RATE. */
const SCALE = [0x00, 0x23]
/** The codes 7 and -7. */
const EXTREMES = [0x7, 0x9]

/** The same direction for every lease, and another payload. */
function noise(leaseId: number, scalesAndCodes: number, size: number): Uint8Array {
  const random = prng(7)
  const bytes = new Uint8Array(size)
  const codesAt = Math.ceil(scalesAndCodes / 17)
  for (let at = 0; at + 2 <= codesAt; at += 2) bytes.set(SCALE, at)
  const nibble = () => EXTREMES[nextBelow(random, 2)]!
  for (let at = codesAt; at < scalesAndCodes; at++) bytes[at] = nibble() | (nibble() << 4)
  bytes[codesAt] = leaseId & 7
  return bytes
}
