/**
 * A process for the tests to kill: appends to a journal for ever, and says the number of each entry
 * after it is acknowledged. Arguments: file, run id.
 */
import { writeSync } from 'node:fs'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'

const [file = '', runId = ''] = process.argv.slice(2)
const journal = createSqliteJournal(file, { runId })
for (;;) {
  const next = journal.head().seq + 1
  const bodies = Array.from({ length: 1 + (next % 3) }, (_, index) => bodyOf(next + index))
  journal.append(bodies)
  writeSync(1, `${journal.head().seq}\n`)
}

/** An entry of any length, the same for the same number. */
function bodyOf(seq: number): Uint8Array {
  return new Uint8Array((seq * 37) % 3_000).fill(seq)
}
