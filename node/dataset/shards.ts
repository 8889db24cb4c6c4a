/**
 * A shard: sequences of token ids as one blob, named by its digest, from which a volunteer trains
 * without a tokenizer. Pure, so that a browser decodes it too.
 *
 * The bytes have no header: sequence after sequence, each `sequenceLength + 1` ids, an id as u16 or
 * u32 little-endian. The extra id is the target of the last token: tokens are ids 0..S-1, targets
 * ids 1..S. Where sequences hold documents, which see only themselves and of which parts are not
 * learned, two rows of S bits follow, the first bit lowest: whether the token's target counts, and
 * whether a document begins with the token. Where the documents are answers that are rated, a third
 * row says whether a rejected one begins with it.
 */

import type { Batch } from '../../kernels/index.ts'
import { counted, ProtocolError, type RunConfig } from '../../protocol/index.ts'

export type TokenBytes = RunConfig['dataset']['tokenBytes']
/** `stream`: a text, cut anywhere, of which every token counts. */
export type Layout = RunConfig['dataset']['layout']

export interface ShardFormat {
  sequenceLength: number
  tokenBytes: TokenBytes
  layout: Layout
  vocabSize: number
}

/**
 * Rows of `sequenceLength` ids, and for each id the one that follows it, -1 where none counts.
 * `rejected` is there where answers are rated.
 */
export type Sequences = Required<Omit<Batch, 'rejected'>> & Pick<Batch, 'rejected'>

/** A sequence to be written: S + 1 ids, and for each of the S tokens up to three flags. */
export interface SequenceToWrite {
  ids: Int32Array
  /** Not looked at in a stream. */
  counted: Uint8Array
  starts: Uint8Array
  /** Looked at where answers are rated. */
  rejected: Uint8Array
}

export interface Shard {
  sequenceCount: number
  /** @throws ProtocolError `malformed` unless the shard has `count` sequences from `first` on. */
  sequences(first: number, count: number): Sequences
}

/** Ids of a vocabulary fit into u16 unless it is larger than that. */
export function tokenBytesFor(vocabSize: number): TokenBytes {
  return vocabSize <= 2 ** 16 ? 2 : 4
}

/** Rows of flags. */
const FLAGS = { stream: 0, documents: 2, answers: 3 } as const satisfies Record<Layout, number>

export function sequenceBytes({ sequenceLength, tokenBytes, layout }: ShardFormat): number {
  return (sequenceLength + 1) * tokenBytes + FLAGS[layout] * flagBytes(sequenceLength)
}

const flagBytes = (sequenceLength: number): number => Math.ceil(sequenceLength / 8)

export function encodeShard(
  sequences: readonly SequenceToWrite[],
  format: ShardFormat,
): Uint8Array {
  const { sequenceLength: S, tokenBytes, layout } = format
  const stride = sequenceBytes(format)
  const bytes = new Uint8Array(sequences.length * stride)
  const view = new DataView(bytes.buffer)
  for (const [row, { ids, counted, starts, rejected }] of sequences.entries()) {
    const at = row * stride
    for (const [i, id] of ids.entries()) {
      if (tokenBytes === 2) view.setUint16(at + 2 * i, id, true)
      else view.setUint32(at + 4 * i, id, true)
    }
    const flags = at + (S + 1) * tokenBytes
    for (const [part, flagged] of [counted, starts, rejected].slice(0, FLAGS[layout]).entries()) {
      const from = flags + part * flagBytes(S)
      for (const [i, flag] of flagged.entries()) bytes[from + (i >> 3)]! |= flag << (i & 7)
    }
  }
  return bytes
}

/** @throws ProtocolError `malformed` unless the bytes are whole sequences of ids that exist. */
export function decodeShard(bytes: Uint8Array, format: ShardFormat): Shard {
  const sequenceCount = bytes.length / sequenceBytes(format)
  if (!Number.isInteger(sequenceCount) || sequenceCount === 0) {
    throw malformed(
      `it must have a multiple of ${sequenceBytes(format)} bytes: current value is ${bytes.length}`,
    )
  }
  const all = decodeRows(bytes, format, sequenceCount)
  const S = format.sequenceLength
  return {
    sequenceCount,
    sequences(first, count) {
      if (first < 0 || count < 0 || first + count > sequenceCount) {
        throw malformed(
          `it has ${counted(sequenceCount, 'sequence')}: ${count} are asked for from ${first} on`,
        )
      }
      const [from, to] = [first * S, (first + count) * S]
      const within = (places: Int32Array) =>
        places.filter((at) => at >= from && at < to).map((at) => at - from)
      return {
        tokens: all.tokens.slice(from, to),
        targets: all.targets.slice(from, to),
        starts: within(all.starts),
        ...(all.rejected !== undefined && { rejected: within(all.rejected) }),
      }
    },
  }
}

function decodeRows(bytes: Uint8Array, format: ShardFormat, count: number): Sequences {
  const { sequenceLength: S, tokenBytes, layout, vocabSize } = format
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stride = sequenceBytes(format)
  const tokens = new Int32Array(count * S)
  const targets = new Int32Array(count * S)
  const starts: number[] = []
  const rejected: number[] = []
  const marks = (
    [
      [1, starts],
      [2, rejected],
    ] as const
  ).filter(([flag]) => flag < FLAGS[layout])
  const idAt = (at: number): number => {
    const id = tokenBytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true)
    if (id >= vocabSize) throw malformed(`its ids must be below ${vocabSize}: one is ${id}`)
    return id
  }
  for (let row = 0; row < count; row++) {
    const at = row * stride
    const flags = at + (S + 1) * tokenBytes
    const isSet = (part: number, i: number) =>
      (view.getUint8(flags + part * flagBytes(S) + (i >> 3)) >> (i & 7)) & 1
    let next = idAt(at)
    for (let i = 0; i < S; i++) {
      const cell = row * S + i
      tokens[cell] = next
      next = idAt(at + (i + 1) * tokenBytes)
      targets[cell] = layout === 'stream' || isSet(0, i) === 1 ? next : -1
      for (const [flag, places] of marks) if (isSet(flag, i) === 1) places.push(cell)
    }
  }
  const of = { tokens, targets, starts: Int32Array.from(starts) }
  return layout === 'answers' ? { ...of, rejected: Int32Array.from(rejected) } : of
}

function malformed(reason: string): ProtocolError {
  return new ProtocolError('malformed', `Cannot read the shard as ${reason}`)
}
