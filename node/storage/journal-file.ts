/**
 * A journal as one file, for whoever has no SQLite: a line that says what it is, then its entries.
 * Of each there is the length of the body (u32, big-endian), the body, and the 32 bytes of its
 * link. docs/verify.md describes it for others.
 */
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '../../protocol/index.ts'
import { StorageError } from './errors.ts'
import type { JournalEntry } from './journal.ts'

const HEAD = utf8ToBytes('barnraise journal 1\n')
const LENGTH_BYTES = 4
const LINK_BYTES = 32

export interface JournalFileLimits {
  /** Bytes of a body. */
  bodyBytesMax: number
}

export function* encodeJournal(entries: Iterable<JournalEntry>): Generator<Uint8Array> {
  yield HEAD
  for (const { body, chain } of entries) {
    const length = new Uint8Array(LENGTH_BYTES)
    new DataView(length.buffer).setUint32(0, body.length)
    yield concatBytes(length, body, hexToBytes(chain))
  }
}

/** @throws StorageError `damaged`, with the entry at which it cannot be read on */
export async function* decodeJournal(
  pieces: AsyncIterable<Uint8Array>,
  { bodyBytesMax }: JournalFileLimits,
): AsyncGenerator<JournalEntry> {
  const reader = createReader(pieces)
  const head = await reader.take(HEAD.length)
  if (head === null || head.some((byte, index) => byte !== HEAD[index])) {
    throw damaged('it does not begin as a journal does')
  }
  for (let seq = 1; ; seq++) {
    const start = await reader.take(LENGTH_BYTES)
    if (start === null) {
      if (reader.isEmpty()) return
      throw damaged(`entry ${seq} is cut off`)
    }
    const length = new DataView(start.buffer, start.byteOffset).getUint32(0)
    if (length > bodyBytesMax) {
      const rule = `must have at most ${bodyBytesMax} bytes: current value is ${length}`
      throw damaged(`entry ${seq} ${rule}`)
    }
    const rest = await reader.take(length + LINK_BYTES)
    if (rest === null) throw damaged(`entry ${seq} is cut off`)
    yield { seq, body: rest.slice(0, length), chain: bytesToHex(rest.subarray(length)) }
  }
}

function damaged(reason: string): StorageError {
  return new StorageError('damaged', `Cannot read the journal as ${reason}`)
}

interface Reader {
  /** The next `count` bytes; null: there are fewer. */
  take(count: number): Promise<Uint8Array | null>
  isEmpty(): boolean
}

function createReader(pieces: AsyncIterable<Uint8Array>): Reader {
  const iterator = pieces[Symbol.asyncIterator]()
  let held: Uint8Array[] = []
  let bytes = 0
  return {
    async take(count) {
      while (bytes < count) {
        const { done, value } = await iterator.next()
        if (done) return null
        held.push(value)
        bytes += value.length
      }
      const all = held.length === 1 ? held[0]! : concatBytes(...held)
      held = all.length > count ? [all.subarray(count)] : []
      bytes = all.length - count
      return all.subarray(0, count)
    },
    isEmpty: () => bytes === 0,
  }
}
