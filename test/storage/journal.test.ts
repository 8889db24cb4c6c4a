/** What every journal promises, and what the one in SQLite promises beyond. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { genesisOf, type Journal, type JournalEntry } from '../../node/storage/journal.ts'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { chainDigest } from '../../protocol/digest.ts'
import { failing } from './failing-journal.ts'
import { temporaryFolder } from './folder.ts'
import { verifyJournal } from './journal-verdict.ts'
import { createMemoryJournal } from './memory-journal.ts'

const RUN = '5e'.repeat(32)
const OTHER_RUN = '6f'.repeat(32)

const body = (seq: number) => new Uint8Array((seq * 7) % 50).fill(seq)
const bodies = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => body(from + index))

const file = async () => join(await temporaryFolder(), 'deep', 'run.journal')

/** The entries, which must be these bodies, chained from the run's genesis. */
function check(entries: Iterable<JournalEntry>, count: number): void {
  let chain = genesisOf(RUN)
  const expected = bodies(1, count).map((one, index) => {
    chain = chainDigest(chain, one)
    return { seq: index + 1, body: one, chain }
  })
  expect([...entries]).toEqual(expected)
}

const JOURNALS: [string, () => Promise<Journal>][] = [
  ['memory', async () => createMemoryJournal(RUN)],
  ['SQLite', async () => createSqliteJournal(await file(), { runId: RUN })],
]

describe.each(JOURNALS)('a journal in %s', (_, create) => {
  test('is empty at first, and its head is the genesis of its run', async () => {
    const journal = await create()
    expect(journal.runId).toBe(RUN)
    expect(journal.head()).toEqual({ seq: 0, chain: genesisOf(RUN) })
    expect([...journal.read()]).toEqual([])
    expect(genesisOf(RUN)).not.toBe(genesisOf(OTHER_RUN))
    journal.close()
  })

  test('gives back entries in order, chained, from anywhere', async () => {
    const journal = await create()
    journal.append(bodies(1, 1))
    journal.append([])
    journal.append(bodies(2, 600))
    check(journal.read(), 601)
    const last = [...journal.read()].at(-1)
    expect(journal.head()).toEqual({ seq: 601, chain: last?.chain })
    expect([...journal.read(600)].map(({ seq }) => seq)).toEqual([600, 601])
    expect([...journal.read(602)]).toEqual([])
    journal.close()
  })

  test('is not changed by who keeps what was appended', async () => {
    const journal = await create()
    const mine = body(1)
    journal.append([mine])
    mine.fill(99)
    check(journal.read(), 1)
    journal.close()
  })

  test('may be appended to while it is read', async () => {
    const journal = await create()
    journal.append(bodies(1, 300))
    let count = 0
    for (const { seq } of journal.read()) {
      expect(seq).toBe(++count)
      if (seq === 10) journal.append(bodies(301, 1))
    }
    expect(count).toBeGreaterThanOrEqual(300)
    check(journal.read(), 301)
    journal.close()
  })

  test('holds a valid prefix whichever append fails, and goes on afterwards', async () => {
    for (let n = 0; n < 6; n++) {
      const journal = failing(await create(), n)
      let seq = 1
      for (let append = 0; append < 6; append++) {
        const write = () => journal.append(bodies(seq, 3))
        if (append === n) expect(write).toThrow('the disk is full')
        else {
          write()
          seq += 3
        }
        check(journal.read(), seq - 1)
      }
      expect(journal.head().seq).toBe(15)
      journal.close()
    }
  })
})

describe('a journal in a file', () => {
  test('is there again, whole, for the next process', async () => {
    const path = await file()
    const first = createSqliteJournal(path, { runId: RUN })
    first.append(bodies(1, 10))
    const head = first.head()
    first.close()
    const second = createSqliteJournal(path)
    expect([second.runId, second.head()]).toEqual([RUN, head])
    second.append(bodies(11, 1))
    check(second.read(), 11)
    second.close()
  })

  test('has one writer: the second is told who that is, and readers are welcome', async () => {
    const path = await file()
    const journal = createSqliteJournal(path, { runId: RUN })
    const open = () => createSqliteJournal(path, { runId: RUN })
    expect(open).toThrow(expect.objectContaining({ name: 'StorageError', code: 'locked' }))
    expect(open).toThrow(`process ${process.pid} on `)
    journal.append(bodies(1, 3))
    expect(verifyJournal(path, RUN)).toEqual({ ok: true, entries: 3, firstBad: null, reason: null })
    journal.close()
    open().close()
  })

  test('of another run is refused', async () => {
    const path = await file()
    createSqliteJournal(path, { runId: RUN }).close()
    const open = () => createSqliteJournal(path, { runId: OTHER_RUN })
    expect(open).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    expect(open).toThrow(`must be of run ${OTHER_RUN}: current value is ${RUN}`)
  })

  test('that does not exist is not made without a run, and nothing is left behind', async () => {
    const folder = await temporaryFolder()
    expect(() => createSqliteJournal(join(folder, 'none'))).toThrow('there is none')
    expect(() => verifyJournal(join(folder, 'none'), RUN)).toThrow(
      expect.objectContaining({ code: 'missing' }),
    )
    expect(readdirSync(folder)).toEqual([])
  })

  describe('that is something else is refused and left as it is', () => {
    for (const [name, make, why] of [
      ['text', makeText, 'it is not a SQLite file'],
      ['another database', makeOther, 'it is not a journal'],
      ['a newer journal', makeNewer, 'must be at most 1: current value is 2. Update barnraise'],
    ] as const) {
      test(name, async () => {
        const path = join(await temporaryFolder(), 'file')
        make(path)
        const before = readFileSync(path)
        expect(() => createSqliteJournal(path, { runId: RUN })).toThrow(why)
        expect(() => verifyJournal(path, RUN)).toThrow(why)
        expect(readFileSync(path).subarray(100)).toEqual(before.subarray(100))
      })
    }
  })

  test('on a full disk keeps all that was acknowledged, and goes on with room', async () => {
    const path = await file()
    const journal = createSqliteJournal(path, { runId: RUN, bytesMax: 60_000 })
    let seq = 1
    const fill = () => {
      for (;;) {
        journal.append([body(seq), new Uint8Array(4_000)])
        seq += 2
      }
    }
    expect(fill).toThrow(expect.objectContaining({ name: 'StorageError', code: 'full' }))
    expect(fill).toThrow('Free some space and go on')
    expect(seq).toBeGreaterThan(10)
    expect(journal.head().seq).toBe(seq - 1)
    journal.close()
    expect(verifyJournal(path, RUN)).toMatchObject({ ok: true, entries: seq - 1 })
    const larger = createSqliteJournal(path)
    larger.append([body(seq)])
    expect(larger.head().seq).toBe(seq)
    larger.close()
  })
})

function makeText(path: string): void {
  writeFileSync(path, 'not a database '.repeat(100))
}

function makeOther(path: string): void {
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE things (name TEXT)')
  database.close()
}

function makeNewer(path: string): void {
  createSqliteJournal(path, { runId: RUN }).close()
  const database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 2')
  database.close()
}
