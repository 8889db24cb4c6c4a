/** Whatever is changed in a finished run afterwards, `verify` finds it, and says where. */
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { exitCodeOf } from '../../node/cli/failure.ts'
import { verify } from '../../node/cli/verify.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { mismatchText } from '../../node/run/mismatch.ts'
import { openRun } from '../../node/run/open-run.ts'
import { type RunFolder, readRunConfig, runFolder } from '../../node/run/run-folder.ts'
import { type RunVerification, verifyRun } from '../../node/run/verify-run.ts'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'

/** A finished run of one round, whose adapter is exported; each test has a copy without secrets. */
let original = ''
let coordinator = ''
const WEIGHTS = 'adapter_model.safetensors'
const WEIGHTS_BLANK = 'Cannot'

beforeAll(async () => {
  original = await mkdtemp(join(tmpdir(), 'barnraise-verify-'))
})
afterAll(() => rm(original, { recursive: true, force: true }))

async function copyOfRun(): Promise<RunFolder> {
  const copy = join(await temporaryFolder(), 'run')
  await cp(original, copy, { recursive: true, preserveTimestamps: true })
  return runFolder(copy)
}

test('a run as it was left is verified by its RunId and coordinator, without any key', async () => {
  const run = await prepareSmallRun({ max_steps: 8 })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  await exportRun(run, { format: 'peft', round: 1, out: null })
  for (const secret of [run.identity, run.token, run.link]) await rm(secret, { force: true })
  await cp(run.root, original, { recursive: true, preserveTimestamps: true })
  coordinator = hosted.coordinator
  const { base } = (await openRun(run)).state.round.start
  const { runId } = hosted
  const found = await verifyRun(await copyOfRun(), {
    trusted: { run: runId, coordinator },
    replay: { type: 'share', share: 1, seed: 1 },
  })
  expect(found).toEqual({
    ok: true,
    runId,
    claimed: { run: null, coordinator, adapterSha256: base },
    coordinator,
    entries: expect.any(Number),
    signatures: 4,
    rounds: 1,
    manifests: 1,
    replayedSteps: 8,
    countedSteps: 8,
    takenBackSteps: 0,
    adapterSha256: base,
    exported: { folder: expect.any(String), round: 1, mismatches: [], notChecked: [] },
    mismatches: [],
    notChecked: [
      expect.stringContaining('losses on held-out text'),
      expect.stringContaining('whether the journal went on'),
    ],
  } satisfies RunVerification)
})

/** Bytes and times of all that lies in a folder. */
async function traceOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true })
  const entries = names.sort().map(async (name) => {
    const { mtimeNs, size, mode } = await stat(join(folder, name), { bigint: true })
    const isFile = (Number(mode) & 0o170000) === 0o100000
    const bytes = isFile ? (await readFile(join(folder, name))).toString('base64') : ''
    return [name, `${mtimeNs} ${size} ${bytes}`] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

test('what is checked stays as it is: no file more, no byte, no time', async () => {
  const run = await copyOfRun()
  const before = await traceOf(run.root)
  expect(await verifyRun(run)).toMatchObject({ ok: true })
  expect(await traceOf(run.root)).toEqual(before)
})

test('a journal whose writer is at work is read with all that it has acknowledged', async () => {
  const run = await copyOfRun()
  const journal = createSqliteJournal(run.journal)
  const { seq } = journal.head()
  journal.append([new Uint8Array(3)])
  expect((await verifyRun(run)).mismatches[0]?.record).toBe(`journal, entry ${seq + 1}`)
  journal.close()
})

test('what a stranger knows beforehand rules over what the folder says of itself', async () => {
  const run = await copyOfRun()
  const runId = (await verifyRun(run)).runId!
  const stranger = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
  const asked = async (id: string | null, peer: string | null) =>
    (await verifyRun(run, { trusted: { run: id, coordinator: peer } })).mismatches.map(mismatchText)
  expect(await asked(runId.slice(0, 16), coordinator)).toEqual([])
  expect(await asked('0'.repeat(16), null)).toEqual([
    `run-config.bin: it is that of run ${runId}: it must be ${'0'.repeat(16)}`,
  ])
  expect(await asked(null, stranger)).toEqual([
    `round 1: the manifest's signature is not that of coordinator ${stranger}`,
  ])
  await rm(run.coordinator)
  await expect(verifyRun(run)).rejects.toThrow("give its peer id with '--coordinator'")
})

/** Changes one byte in the middle. */
async function spoil(file: string): Promise<void> {
  const bytes = await readFile(file)
  bytes[bytes.length >> 1]! ^= 1
  await writeFile(file, bytes)
}

/** Leaves a file as a disk does that could not write it: its length is right. */
async function blank(file: string): Promise<void> {
  const { size } = await stat(file)
  await writeFile(file, new Uint8Array(size))
}

async function editAdapterConfig({ adapter }: RunFolder): Promise<void> {
  const file = join(adapter, 'adapter_config.json')
  const config = JSON.parse(await readFile(file, 'utf8'))
  const doubled = Object.assign(config, { lora_alpha: config.lora_alpha * 2 })
  await writeFile(file, `${JSON.stringify(doubled, null, 2)}\n`)
}

async function blobOf(
  run: RunFolder,
  which: 'checkpoint' | 'payload' | 'manifest' | 'weights' | 'shard' | 'held-out',
): Promise<string> {
  const { state, blobs, config } = await openRun(run)
  const manifest = Buffer.from(await blobs.read(state.parent!.digest)).toString('latin1')
  return blobs.path(
    {
      checkpoint: state.round.start.checkpoint!.digest,
      payload: /payload.{1,20}digest.(?:.)([0-9a-f]{64})/s.exec(manifest)![1]!,
      manifest: state.parent!.digest,
      weights: config.base.weights.digest,
      shard: config.dataset.trainShards[0]!.digest,
      'held-out': config.dataset.validationShard.digest,
    }[which],
  )
}

const inExport = (name: string) => (run: RunFolder) => spoil(join(run.adapter, name))

for (const [what, change, words] of [
  ['a payload', async (run) => spoil(await blobOf(run, 'payload')), 'round 1: Cannot use'],
  ['a manifest', async (run) => blank(await blobOf(run, 'manifest')), 'round 1: Cannot use'],
  ['the base', async (run) => spoil(await blobOf(run, 'weights')), 'blob '],
  ['a shard that is gone', async (run) => rm(await blobOf(run, 'shard')), "it doesn't exist"],
  ['held-out text', async (run) => spoil(await blobOf(run, 'held-out')), 'blob '],
  ['the exported weights', inExport(WEIGHTS), 'none of the rounds'],
  ['all exported weights', (run) => blank(join(run.adapter, WEIGHTS)), WEIGHTS_BLANK],
  ['the exported alpha', editAdapterConfig, "its rank, alpha or targets are not the run's"],
  ['an export that is not whole', (run) => rm(join(run.adapter, WEIGHTS)), 'adapter'],
  ['the model card', inExport('README.md'), 'README.md: it is not what an export of it writes'],
  ['the tokenizer', inExport('tokenizer.json'), 'tokenizer.json: it is not what'],
  ['where a text ends', inExport('generation_config.json'), 'generation_config.json: it is not'],
  [
    'a file that was added',
    (run) => writeFile(join(run.adapter, 'extra.py'), ''),
    'extra.py: it is no part of an export',
  ],
] as [string, (run: RunFolder) => Promise<void>, string][]) {
  test(`${what}, changed or gone, is found`, async () => {
    const run = await copyOfRun()
    await change(run)
    const { ok, mismatches } = await verifyRun(run)
    expect(ok).toBe(false)
    const text = mismatches.map(mismatchText).join('\n')
    expect(text).toContain(words)
    expect(text).not.toContain('TypeError')
    // Nothing is told twice.
    const reasons = mismatches.map(({ reason }) => reason)
    expect(reasons).toEqual([...new Set(reasons)])
  })
}

test('a run that is being hosted is verified as far as it has come', async () => {
  const run = await prepareSmallRun({}, { trust: 'everyone' })
  const hosted = await hostRun(run)
  const volunteer = await joinRun(run, hosted.link, 'ada')
  await expect.poll(() => hosted.status().round, { timeout: 120_000 }).toBeGreaterThan(0)
  // It is listed, and gone when it is looked at, as a payload that turned out to be none.
  const gone = `ab${'0'.repeat(62)}`
  await mkdir(join(run.blobs, 'ab'), { recursive: true })
  await symlink('nowhere', join(run.blobs, 'ab', gone))
  const found = await verifyRun(run)
  expect(found).toMatchObject({ ok: true, mismatches: [], coordinator: hosted.coordinator })
  expect(found.rounds).toBeGreaterThan(0)
  expect(found.notChecked.join()).toContain('whether the journal went on')
  await volunteer.stop()
  await hosted.stop()
})

/** What the command ends with, and says, of a run that is said to be by this coordinator. */
async function endOf(run: RunFolder, coordinator: string): Promise<unknown[]> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  const options = { threads: 1, memory: 2 ** 30, coordinator }
  const end = await verify(run.root, options).then(
    () => [0],
    (error: Error) => [exitCodeOf(error), error.message],
  )
  write.mockRestore()
  return end
}

test('a run of which nothing is signed is no proof, whoever is said to coordinate it', async () => {
  const empty = await prepareSmallRun()
  createSqliteJournal(empty.journal, await readRunConfig(empty)).close()
  const begun = await prepareSmallRun()
  const hosted = await hostRun(begun)
  await expect.poll(() => hosted.status().evaluations.length, { timeout: 120_000 }).toBe(1)
  await hosted.stop()
  const stranger = '12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf'
  for (const run of [empty, begun]) {
    const found = await verifyRun(run, { trusted: { run: null, coordinator: stranger } })
    expect(found).toMatchObject({ ok: false, manifests: 0, mismatches: [] })
    expect(await endOf(run, stranger)).toEqual([
      7,
      'nothing to verify yet: the run has no round that its coordinator has signed',
    ])
  }
})

/** Zeroes from one place to another, in parts of the file. */
async function blankPart(file: string, from: number, to: number): Promise<void> {
  const bytes = await readFile(file)
  bytes.fill(0, Math.floor(from * bytes.length), Math.floor(to * bytes.length))
  await writeFile(file, bytes)
}

for (const [name, from, to] of [
  ['config', 0, 1],
  ['config', 0.5, 1],
  ['journal', 0, 1],
  ['journal', 0, 0.1],
  ['journal', 0.1, 0.2],
  ['journal', 0.3, 0.6],
  ['journal', 0.9, 1],
] as const) {
  test(`${name}: zeros from ${from} to ${to} are found, and the file is named`, async () => {
    const run = await copyOfRun()
    await blankPart(run[name], from, to)
    const { ok, mismatches } = await verifyRun(run)
    expect(ok).toBe(false)
    const text = mismatches.map(mismatchText).join('\n')
    expect(text).toMatch(name === 'config' ? /^run-config\.bin: / : /^journal/)
    expect(text).not.toMatch(/TypeError|undefined/)
  })
}
