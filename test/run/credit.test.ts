/** Credit counted again from a run that was hosted, and the receipts that are signed of it. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test, vi } from 'vitest'
import { credit } from '../../node/cli/credit.ts'
import { verify } from '../../node/cli/verify.ts'
import { checkReceipt, receiptIn } from '../../node/cli/verify-receipt.ts'
import { identityOf } from '../../node/network/identity.ts'
import { readIdentity } from '../../node/network/identity-file.ts'
import { orderStopped } from '../../node/roles/orders.ts'
import { creditIn } from '../../node/run/credit.ts'
import type { Evidence } from '../../node/run/evidence.ts'
import { folderEvidence } from '../../node/run/folder-evidence.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { openRun } from '../../node/run/open-run.ts'
import { publishedEvidence } from '../../node/run/published-evidence.ts'
import { readManifest } from '../../node/run/read-manifest.ts'
import {
  RECEIPT_BYTES_MAX,
  readReceipt,
  signReceipt,
  writeReceipt,
} from '../../node/run/receipt.ts'
import { eventOf } from '../../node/run/replay.ts'
import { chainEntries, genesisOf, type JournalEntry } from '../../node/storage/journal.ts'
import { encode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import { type CountedContribution, type Manifest, signingBytes } from '../../protocol/envelope.ts'
import { ConfigError } from '../../protocol/index.ts'
import { exampleManifest } from '../protocol/example-messages.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { type PublishedRun, publishSmallRun } from './published-run.ts'

test('a run and what is published of it give the credit that the coordinator counted', async () => {
  const { run, folder, runId, coordinator } = await publishSmallRun()
  const { state } = await openRun(run)
  for (const secret of [run.identity, run.token]) await rm(secret)
  const published = (await publishedEvidence(folderPlace(folder))) as Evidence
  const own = await folderEvidence(run)
  const trusted = { run: runId, coordinator }
  for (const evidence of [own, published]) {
    const volunteers = [...state.records].map(([peer, { credit }]) => {
      return { peer, name: 'ada', ...credit }
    })
    const manifest = state.parent!.digest
    expect(await creditIn(evidence, trusted)).toEqual({
      credit: {
        runName: state.config.name,
        runId,
        coordinator,
        rounds: 2,
        manifest,
        volunteers,
        takenBack: [],
      },
    })
  }
  const stranger = identityOf(await generateKeyPair('Ed25519')).peerId
  expect(await creditIn(own, { run: runId, coordinator: stranger })).toEqual({
    mismatch: {
      record: `manifest ${state.parent!.digest}`,
      reason: expect.stringContaining(stranger),
    },
  })
})

/** The run as its coordinator tells it who signs another manifest of the last round. */
async function withManifest(
  { run, runId }: PublishedRun,
  change: (manifest: Manifest) => void,
): Promise<Evidence> {
  const evidence = await folderEvidence(run)
  const { state } = await openRun(run)
  const { manifest } = await readManifest(evidence.blobs, state.parent!.digest)
  change(manifest)
  const { sign } = (await readIdentity(run.identity))!
  const signature = await sign(signingBytes('manifest', manifest))
  const forged = encode({ manifest, signature })
  const reference = { digest: digestOf(forged), bytes: forged.length }
  const bodies = [...(evidence.journal(runId) as Iterable<JournalEntry>)].map(({ body }) => {
    const event = eventOf(body)
    if (event.type !== 'aggregated' || event.round !== manifest.round) return body
    return encode({ ...event, aggregate: { ...event.aggregate, manifest: reference } })
  })
  const { blobs } = evidence
  const isForged = (digest: string) => digest === reference.digest
  return {
    ...evidence,
    journal: () => chainEntries({ seq: 0, chain: genesisOf(runId) }, bodies),
    blobs: { read: async (of, most) => (isForged(of) ? forged : blobs.read(of, most)) },
  }
}

test('a manifest that counts what nobody has signed gives nobody credit', async () => {
  const made = await publishSmallRun()
  const stranger = identityOf(await generateKeyPair('Ed25519')).peerId
  const trusted = { run: made.runId, coordinator: made.coordinator }
  for (const [what, change] of [
    ['more tokens', (one) => Object.assign(one, { tokens: one.tokens + 1 })],
    ['more steps', (one) => Object.assign(one, { steps: one.steps + 1 })],
    ['other batches', (one) => Object.assign(one, { firstBatch: one.firstBatch + 1 })],
    ['another maker', (one) => Object.assign(one, { peer: stranger })],
    ['a lease that is made up', (one) => Object.assign(one, { leaseId: one.leaseId + 99 })],
    ['another payload', ({ payload }) => Object.assign(payload, { digest: made.runId })],
  ] as [string, (counted: CountedContribution) => void][]) {
    const evidence = await withManifest(made, ({ contributions: [one] }) => change(one!))
    expect(await creditIn(evidence, trusted), what).toEqual({
      mismatch: {
        record: expect.stringMatching(/^manifest /),
        reason: expect.stringContaining('is not in the journal as'),
      },
    })
  }
  const other = await withManifest(made, (manifest) => {
    manifest.base = made.runId
  })
  expect(await creditIn(other, trusted)).toHaveProperty('mismatch')
  const same = await withManifest(made, () => {})
  expect(await creditIn(same, trusted)).toMatchObject({ credit: { rounds: 2 } })
})

async function makeReceipt(name = 'ada') {
  const { peerId: coordinator, sign } = identityOf(await generateKeyPair('Ed25519'))
  const { runId, contributions } = exampleManifest
  const receipt = await signReceipt(
    {
      runName: 'sea stories',
      runId,
      coordinator,
      peer: contributions[0]!.peer,
      name,
      tokens: 4_096,
      batches: 2,
      contributions: 1,
      rounds: 4,
      manifest: runId,
    },
    sign,
  )
  return { receipt, coordinator, runId }
}

const NOTHING = { run: null, coordinator: null }

for (const name of ['ada', 'Zoë \u{1F40B}', '"\\"', 'ﬀ'.repeat(64)]) {
  test(`a receipt of ${name} is ASCII, is read again, and verifies`, async () => {
    const { receipt, coordinator, runId } = await makeReceipt(name)
    const line = writeReceipt(receipt)
    expect(line).toMatch(/^[ -~]+$/)
    expect(line.length).toBeLessThan(RECEIPT_BYTES_MAX)
    expect(readReceipt(line)).toEqual(receipt)
    const file = join(await temporaryFolder(), 'receipt')
    await writeFile(file, `${line}\n`)
    const text = await receiptIn(file)
    for (const trusted of [NOTHING, { run: runId.slice(0, 16), coordinator }]) {
      expect(await checkReceipt(text!, trusted)).toEqual({ receipt, fault: null })
    }
    expect(await readFile(file, 'utf8')).toBe(`${line}\n`)
  })
}

test('a receipt of which any byte is another one is refused', async () => {
  const { receipt } = await makeReceipt()
  const bytes = new TextEncoder().encode(`${writeReceipt(receipt)}\n`)
  const accepted: string[] = []
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [0x01, 0x20, 0x80]) {
      const other = bytes.slice()
      other[at]! ^= flip
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(other)
      if ((await checkReceipt(text, NOTHING)).fault === null) accepted.push(`${at}: ${flip}`)
    }
  }
  expect(accepted).toEqual([])
})

for (const [what, change, said] of [
  ['more white space', (line) => line.replace(':4096', ': 4096'), "on, in 'tokens'"],
  ['a second line', (line) => `${line}\n\n`, "on, in 'signature'"],
  ['a field more', (line) => line.replace('{', '{"by":"me",'), "'receipt.by'"],
  ['a field twice', (line) => line.replace('{', '{"tokens":1,'), 'differs from character 3 on'],
  ['its end cut off', (line) => line.slice(0, -1), 'it is not JSON'],
  ['a sum that cannot be', (line) => line.replace(':4096', ':-1'), "'receipt.tokens'"],
  ['a sum that was not signed', (line) => line.replace(':4096', ':9999'), "its 'signature' is not"],
  [
    'a name that was not signed',
    (line) => line.replace('"ada"', '"eve"'),
    "its 'signature' is not",
  ],
] as [string, (line: string) => string, string][]) {
  test(`a receipt with ${what} is refused: ${said}`, async () => {
    const { receipt } = await makeReceipt()
    const { fault } = await checkReceipt(change(writeReceipt(receipt)), NOTHING)
    expect(fault).toContain(said)
  })
}

for (const [options, said] of [
  [{ replay: true }, "a receipt with '--replay'"],
  [{ sample: 0.1 }, "a receipt with '--sample'"],
  [{ sample: 0.1, seed: 0 }, "a receipt with '--sample'"],
  [{ export: 'adapter' }, "a receipt with '--export'"],
  [{ replay: true, sample: 0.1 }, "with '--replay' and '--sample'"],
  [{ seed: 0 }, "'--seed' as nothing is drawn: say '--sample'"],
  [{ replay: true, seed: 0 }, "'--seed' as nothing is drawn: say '--sample'"],
] as const) {
  test(`verify refuses ${JSON.stringify(options)}`, async () => {
    const { receipt } = await makeReceipt()
    const file = join(await temporaryFolder(), 'receipt')
    await writeFile(file, writeReceipt(receipt))
    const verifying = verify(file, { threads: 1, memory: 2 ** 30, ...options })
    await expect(verifying).rejects.toThrow(said)
    await expect(verifying).rejects.toBeInstanceOf(ConfigError)
  })
}

test('a receipt of another run, or by another coordinator, is refused', async () => {
  const { receipt, runId } = await makeReceipt()
  const { coordinator } = await makeReceipt()
  const line = writeReceipt(receipt)
  const byOther = await checkReceipt(line, { run: runId, coordinator })
  expect(byOther.fault).toContain(`its 'coordinator' must be ${coordinator}: current value is`)
  const ofOther = await checkReceipt(line, { run: 'ffff', coordinator: null })
  expect(ofOther.fault).toContain(`its 'runId' must be ffff: current value is ${runId}`)
})

test('whoever is banned has no credit, though no merge has subtracted its work yet', async () => {
  const { run, runId, coordinator } = await publishSmallRun()
  const [peer, record] = [...(await openRun(run)).state.records][0]!
  const { credit: before } = record
  await orderStopped(run, { type: 'kicked', peer, reason: 'wrong numbers' })
  const found = await creditIn(await folderEvidence(run), { run: runId, coordinator })
  const takenBack = [{ peer, name: 'ada', ...before }]
  expect(found).toMatchObject({ credit: { rounds: 2, volunteers: [], takenBack } })
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  await credit(run.root, {})
  await credit(run.root, { peer: 'ada', json: true })
  const [texts, json] = [said.mock.calls.slice(0, -1).join(''), String(said.mock.calls.at(-1))]
  said.mockRestore()
  expect(texts).toMatch(/Nothing counts\.\n\nTaken back, so that it counts no more:\n/)
  expect(texts).toContain(`ada (${peer.slice(-6)})`)
  const nothing = { tokens: 0, batches: 0, contributions: 0 }
  expect(JSON.parse(json)).toMatchObject({ volunteers: [{ peer, ...nothing }], takenBack })
  const receipt = join(await temporaryFolder(), 'receipt')
  await expect(credit(run.root, { peer, receipt })).rejects.toThrow('as nothing counts that it did')
})

test('the command writes a receipt where the key is, over nothing, and for no other', async () => {
  const { run, folder } = await publishSmallRun()
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const receipt = join(await temporaryFolder(), 'ada.receipt')
  const write = (where: string) => credit(where, { peer: 'ada', receipt, json: true })
  await expect(write(folder)).rejects.toThrow('only coordinator')
  await write(run.root)
  await expect(write(run.root)).rejects.toThrow('Cannot write the receipt')
  await expect(credit(run.root, { peer: 'bob' })).rejects.toThrow("who 'bob' is")
  const stranger = identityOf(await generateKeyPair('Ed25519')).peerId
  await expect(credit(run.root, { peer: stranger })).rejects.toThrow('none of its work was merged')
  await expect(credit(run.root, { receipt })).rejects.toThrow("say '--peer'")
  await verify(receipt, { json: true, threads: 1, memory: 2 ** 30 })
  const lines = said.mock.calls.map(([line]) => JSON.parse(String(line)))
  said.mockRestore()
  const counted = { name: 'ada', batches: 8, tokens: expect.any(Number) }
  expect(lines).toMatchObject([
    { rounds: 2, volunteers: [counted], receipt: expect.any(String) },
    { ok: true, fault: null, given: NOTHING, claimed: { rounds: 2, ...counted } },
  ])
  expect(await readFile(receipt, 'utf8')).toBe(`${lines[0].receipt}\n`)
})
