/**
 * Any byte of a published run that is another one is found, and its record named; so is an entry
 * of the journal that is left out, put twice or moved. The verifier is the whole one: only numbers
 * that it has worked out before, from the very same bytes, are remembered.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serialize } from 'node:v8'
import { expect, test } from 'vitest'
import type { Compute } from '../../node/compute/compute.ts'
import { startCompute } from '../../node/compute/start-compute.ts'
import { createRunFigures } from '../../node/history/run-figures.ts'
import { mismatchText } from '../../node/run/mismatch.ts'
import type { Place } from '../../node/run/place.ts'
import { publishedEvidence } from '../../node/run/published-evidence.ts'
import { notTheRun, type Verification, verify } from '../../node/run/verify.ts'
import { LostBytesError } from '../../node/storage/errors.ts'
import { chainEntries, genesisOf, type JournalEntry } from '../../node/storage/journal.ts'
import { decodeJournal, encodeJournal } from '../../node/storage/journal-file.ts'
import { concatBytes, type Digest } from '../../protocol/digest.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { publishSmallRun } from './published-run.ts'

type Files = Map<string, Uint8Array>

const JOURNAL = 'journal.bin'
const FLIPS = 2_000
const SEED = 20_261

let files: Files
let runId = ''
const entries: JournalEntry[] = []
let remembered: Remembering

function placeOf(given: Files): Place {
  return {
    name: 'memory',
    async *open(path) {
      const bytes = given.get(path)
      if (bytes === undefined) throw new LostBytesError('missing', `There is no ${path}`)
      yield bytes
    },
    local: {
      list: async () => [...given.keys()],
      digestOf: (path) => remembered.digestOf(given.get(path)!),
      pathOf: (path) => path,
    },
    digestOf: remembered.digestOf,
  }
}

interface Remembering {
  compute: Compute
  digestOf: Place['digestOf']
  /** Learns nothing more: the bytes that are changed would fill the memory. */
  stop(): void
}

/**
 * Answers what was asked before in the same order since the merge was opened, and hashes the same
 * bytes once.
 */
function remembering(compute: Compute): Remembering {
  const known = new Map<string, unknown>()
  let chain = ''
  let isLearning = true
  const run = async (name: string, input: unknown) => {
    const isAlone = name === 'measure'
    const hash = createHash('sha256').update(isAlone || name === 'open-merge' ? '' : chain)
    const key = hash.update(name).update(serialize(input)).digest('hex')
    if (!isAlone) chain = key
    if (isLearning) known.set(key, await compute.run(name as 'measure', input as never))
    if (!known.has(key)) throw new Error('other numbers than before are asked for')
    return known.get(key)
  }
  const hashed: { bytes: Uint8Array; digest: Digest }[] = []
  const digestOf = async (bytes: Uint8Array) => {
    const same = hashed.find((each) => Buffer.compare(each.bytes, bytes) === 0)
    if (same !== undefined) return same.digest
    const digest = createHash('sha256').update(bytes).digest('hex')
    if (isLearning) hashed.push({ bytes: bytes.slice(), digest })
    return digest
  }
  const stop = () => {
    isLearning = false
  }
  return { compute: { ...compute, run: run as Compute['run'] }, digestOf, stop }
}

async function verified(given: Files): Promise<Verification> {
  const evidence = await publishedEvidence(placeOf(given))
  if ('reason' in evidence) return notTheRun(evidence).verification
  const { verification } = await verify(evidence, {
    trusted: { run: runId, coordinator: null },
    replay: null,
    figuresOf: createRunFigures,
    compute: remembered.compute,
    limits: { threads: 1, memoryBytesMax: 2 ** 30 },
    hear: () => {},
  })
  return verification
}

async function filesOf(folder: string): Promise<Files> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = found.filter((entry) => entry.isFile())
  const read = paths.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [path.slice(folder.length + 1), Uint8Array.from(await readFile(path))] as const
  })
  return new Map(await Promise.all(read))
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** A run is made in the first test, as what makes it ends with a test. */
test('as it was published it verifies', async () => {
  const published = await publishSmallRun()
  files = await filesOf(published.folder)
  runId = published.runId
  for await (const entry of decodeJournal(once(files.get(JOURNAL)!), { bodyBytesMax: 2 ** 20 })) {
    entries.push(entry)
  }
  const compute = startCompute()
  remembered = remembering(compute)
  expect((await verified(files)).mismatches).toEqual([])
  remembered.stop()
  await compute.close()
  expect((await verified(files)).mismatches).toEqual([])
})

/** Which entry of the journal a byte belongs to; null: the line before the first. */
function entryAt(offset: number): number | null {
  let start = 'barnraise journal 1\n'.length
  if (offset < start) return null
  for (const { seq, body } of entries) {
    start += 4 + body.length + 32
    if (offset < start) return seq
  }
  throw new Error(`no entry at ${offset}`)
}

/** What a verifier must say of a byte that is another one. */
function nameOf(path: string, offset: number): string {
  if (path !== JOURNAL) return path
  const entry = entryAt(offset)
  return entry === null ? 'journal' : `entry ${entry}`
}

test(`${FLIPS} bytes, each in its turn another one: found and named`, async () => {
  const random = prng(SEED)
  // As often in each file, so that the base, which is nearly all of it, does not take them all.
  const paths = [...files.keys()].sort()
  for (let flip = 0; flip < FLIPS; flip++) {
    // Every third is in what is signed or chained, not in a blob or the page.
    const some = ['publication.json', JOURNAL, 'run-config.bin']
    const path = flip % 3 === 0 ? some[(flip / 3) % 3]! : paths[nextBelow(random, paths.length)]!
    const bytes = files.get(path)!
    const offset = nextBelow(random, bytes.length)
    const changed = bytes.slice()
    changed[offset]! ^= 1 + nextBelow(random, 255)
    const { ok, mismatches } = await verified(new Map(files).set(path, changed))
    const where = `seed=${SEED}, flip ${flip}: byte ${offset} of ${path}`
    expect(ok, where).toBe(false)
    expect(mismatches.map(mismatchText).join('\n'), where).toContain(nameOf(path, offset))
  }
}, 300_000)

const withJournal = (given: Iterable<JournalEntry>): Files =>
  new Map(files).set(JOURNAL, concatBytes(...encodeJournal(given)))

/** What a forger does, who chains the entries anew. */
const chained = (given: readonly JournalEntry[]): JournalEntry[] =>
  chainEntries(
    { seq: 0, chain: genesisOf(runId) },
    given.map(({ body }) => body),
  )

const CHANGES: [string, (at: number) => JournalEntry[]][] = [
  ['left out', (at) => entries.toSpliced(at, 1)],
  ['put twice', (at) => entries.toSpliced(at, 0, entries[at]!)],
  ['moved', (at) => entries.toSpliced(at, 2, entries[at + 1]!, entries[at]!)],
  ['the last, with all after it gone', (at) => entries.slice(0, at + 1)],
]

for (const [what, change] of CHANGES) {
  test(`each entry ${what}: found, also by who trusts no link of the chain`, async () => {
    for (let at = 0; at < entries.length - 1; at++) {
      const { ok, mismatches } = await verified(withJournal(change(at)))
      expect(ok, `entry ${at + 1}`).toBe(false)
      expect(mismatches[0]!.record, `entry ${at + 1}`).toMatch(/^journal/)
      const forged = await verified(withJournal(chained(change(at))))
      expect(forged.ok, `entry ${at + 1}, chained anew`).toBe(false)
      expect(forged.mismatches[0]!.record, `entry ${at + 1}`).toMatch(/^journal/)
    }
  }, 120_000)
}

test('each file that is gone is missed', async () => {
  for (const path of files.keys()) {
    const left = new Map(files)
    left.delete(path)
    const { ok, mismatches } = await verified(left)
    expect([ok, mismatches.map(mismatchText).join('\n').includes(path)], path).toEqual([
      false,
      true,
    ])
  }
})
