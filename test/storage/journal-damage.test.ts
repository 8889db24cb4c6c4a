/** What was acknowledged survives a SIGKILL; what is changed afterwards is found. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { bytesToHex } from '../../protocol/digest.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { temporaryFolder } from './folder.ts'
import { verifyJournal } from './journal-verdict.ts'

const RUN = '5e'.repeat(32)
const OTHER_RUN = '6f'.repeat(32)
const COUNT = 12

describe('a process killed while it appends', () => {
  for (const count of [1, 7, 40, 150]) {
    test(`after ${count} acknowledgements: all of them are there`, async () => {
      const path = join(await temporaryFolder(), 'run.journal')
      const process = appendLoop(path)
      await process.acknowledged(count)
      const last = await process.kill()
      const verdict = verifyJournal(path, RUN)
      expect(verdict).toMatchObject({ ok: true, firstBad: null })
      expect(verdict.entries).toBeGreaterThanOrEqual(last)
      const journal = createSqliteJournal(path, { runId: RUN })
      expect(journal.head().seq).toBe(verdict.entries)
      for (const { seq, body } of journal.read()) {
        expect(body).toEqual(new Uint8Array((seq * 37) % 3_000).fill(seq))
      }
      journal.append([Uint8Array.of(1)])
      journal.close()
    })
  }

  test('gives its lock back by dying', async () => {
    const path = join(await temporaryFolder(), 'run.journal')
    const process = appendLoop(path)
    await process.acknowledged(1)
    expect(() => createSqliteJournal(path)).toThrow(`process ${process.id} on `)
    await process.kill()
    createSqliteJournal(path).close()
  })
})

/** A process that appends until it is killed, which tells the last entry it acknowledged. */
function appendLoop(path: string) {
  const script = fileURLToPath(new URL('./append-loop.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, path, RUN], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let heard = ''
  const lines = () => heard.split('\n').slice(0, -1)
  return {
    id: child.pid,
    async acknowledged(count: number): Promise<void> {
      for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
        heard += String(data)
        if (lines().length >= count) return
      }
      throw new Error(`the process ended after ${lines().length} acknowledgements`)
    },
    async kill(): Promise<number> {
      child.kill('SIGKILL')
      for await (const data of child.stdout) heard += String(data)
      return Number(lines().at(-1))
    },
  }
}

/** A journal of a few entries, all in its main file. */
async function sound(): Promise<string> {
  const path = join(await temporaryFolder(), 'run.journal')
  const journal = createSqliteJournal(path, { runId: RUN })
  for (let seq = 1; seq <= COUNT; seq++) journal.append([new Uint8Array(40 + seq).fill(seq)])
  journal.close()
  return path
}

function edit(path: string, sql: string, ...values: (Uint8Array | number)[]): void {
  const database = new DatabaseSync(path)
  database.prepare(sql).run(...values)
  database.close()
}

describe('an entry that is changed afterwards is found', () => {
  for (const [name, sql, firstBad] of [
    ['its body', `UPDATE entries SET body = x'00' WHERE seq = 4`, 4],
    ['its hash', 'UPDATE entries SET chain = zeroblob(32) WHERE seq = 4', 4],
    ['the last one', `UPDATE entries SET body = x'00' WHERE seq = ${COUNT}`, COUNT],
    ['left out', 'DELETE FROM entries WHERE seq = 4', 4],
    ['the first left out', 'DELETE FROM entries WHERE seq = 1', 1],
    ['moved', 'UPDATE entries SET seq = 99 WHERE seq = 4', 4],
    ['put before the first', `INSERT INTO entries VALUES (0, x'00', zeroblob(32))`, 1],
    ['added at the end', `INSERT INTO entries VALUES (13, x'00', zeroblob(32))`, 13],
    ['of another run', `UPDATE run SET id = '${OTHER_RUN}'`, 1],
  ] as const) {
    test(name, async () => {
      const path = await sound()
      edit(path, sql)
      const verdict = verifyJournal(path, name === 'of another run' ? OTHER_RUN : RUN)
      expect(verdict).toMatchObject({ ok: false, entries: firstBad - 1, firstBad })
      const open = () => createSqliteJournal(path)
      expect(open).toThrow(expect.objectContaining({ name: 'StorageError', code: 'damaged' }))
      expect(open).toThrow(`Cannot open the journal ${path}: entry ${firstBad}`)
    })
  }

  test('two that change places', async () => {
    const path = await sound()
    edit(path, 'UPDATE entries SET seq = -seq WHERE seq IN (4, 5)')
    edit(path, 'UPDATE entries SET seq = 9 + seq WHERE seq < 0')
    expect(verifyJournal(path, RUN)).toMatchObject({ ok: false, firstBad: 4 })
  })

  test('any bit of any body or hash', async () => {
    const path = await sound()
    const database = new DatabaseSync(path)
    const rows = database.prepare('SELECT seq, body, chain FROM entries').all()
    for (const row of rows as { seq: number; body: Uint8Array; chain: Uint8Array }[]) {
      for (const column of ['body', 'chain'] as const) {
        const update = database.prepare(`UPDATE entries SET ${column} = ? WHERE seq = ?`)
        for (let at = 0; at < row[column].length; at += 5) {
          const changed = row[column].slice()
          changed[at]! ^= 1 << (at % 8)
          update.run(changed, row.seq)
          expect(verifyJournal(path, RUN), `${column} ${row.seq}, byte ${at}`).toMatchObject({
            ok: false,
            firstBad: row.seq,
          })
        }
        update.run(row[column], row.seq)
      }
    }
    expect(verifyJournal(path, RUN)).toMatchObject({ ok: true, entries: COUNT })
    database.close()
  })
})

test('any byte of the file: found, or it changed no entry', async () => {
  const path = await sound()
  const entries = () => {
    const database = new DatabaseSync(path, { readOnly: true })
    const rows = database.prepare('SELECT seq, body, chain FROM entries ORDER BY seq').all()
    database.close()
    return (rows as { seq: number; body: Uint8Array; chain: Uint8Array }[])
      .map(({ seq, body, chain }) => `${seq} ${bytesToHex(body)} ${bytesToHex(chain)}`)
      .join('\n')
  }
  const original = readFileSync(path)
  const truth = entries()
  const seed = 20_260
  const random = prng(seed)
  let found = 0
  for (let trial = 0; trial < 400; trial++) {
    const at = nextBelow(random, original.length)
    const changed = Uint8Array.from(original)
    changed[at]! ^= 1 + nextBelow(random, 255)
    writeFileSync(path, changed)
    if (isSound(path)) expect(entries(), `seed=${seed}, byte ${at}`).toBe(truth)
    else found++
  }
  expect(found).toBeGreaterThan(0)
})

function isSound(path: string): boolean {
  try {
    return verifyJournal(path, RUN).ok
  } catch (error) {
    expect(error).toMatchObject({ name: expect.stringMatching(/^(StorageError|ConfigError)$/) })
    return false
  }
}
