/**
 * A shard: sequences of token ids as one blob, named by its digest, from which a volunteer trains
 * without a tokenizer. Pure, so that a browser decodes it too.
 *
 * The bytes have no header: sequence after sequence, each `sequenceLength + 1` ids, an id as u16 or
 * u32 little-endian. The extra id is the target of the last token: tokens are ids 0..S-1, targets
 * ids 1..S.
 */
import { ProtocolError } from '../../protocol/errors.ts'

export type TokenBytes = 2 | 4

export interface ShardFormat {
  sequenceLength: number
  tokenBytes: TokenBytes
  vocabSize: number
}

/** Rows of `sequenceLength` ids, and for each id the one that follows it. */
export interface Sequences {
  tokens: Int32Array
  targets: Int32Array
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

export function sequenceBytes({ sequenceLength, tokenBytes }: ShardFormat): number {
  return (sequenceLength + 1) * tokenBytes
}

/** The bytes of whole sequences of `sequenceLength + 1` ids, one after the other. */
export function encodeShard(ids: Int32Array, { tokenBytes }: ShardFormat): Uint8Array {
  const view = new DataView(new ArrayBuffer(ids.length * tokenBytes))
  for (let i = 0; i < ids.length; i++) {
    if (tokenBytes === 2) view.setUint16(2 * i, ids[i]!, true)
    else view.setUint32(4 * i, ids[i]!, true)
  }
  return new Uint8Array(view.buffer)
}

/**
 * @throws ProtocolError `malformed` unless the bytes are whole sequences of ids below `vocabSize`.
 */
export function decodeShard(bytes: Uint8Array, format: ShardFormat): Shard {
  const sequenceCount = bytes.length / sequenceBytes(format)
  if (!Number.isInteger(sequenceCount) || sequenceCount === 0) {
    throw new ProtocolError(
      'malformed',
      `Cannot read the shard as it must have a multiple of ${sequenceBytes(format)} bytes: ` +
        `current value is ${bytes.length}`,
    )
  }
  const ids = decodeIds(bytes, format)
  return {
    sequenceCount,
    sequences: (first, count) => rows(ids, format.sequenceLength, first, count),
  }
}

function decodeIds(bytes: Uint8Array, { tokenBytes, vocabSize }: ShardFormat): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ids = new Int32Array(bytes.length / tokenBytes)
  for (let i = 0; i < ids.length; i++) {
    const id = tokenBytes === 2 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true)
    if (id >= vocabSize) {
      throw new ProtocolError(
        'malformed',
        `Cannot read the shard as its ids must be below ${vocabSize}: id ${i} is ${id}`,
      )
    }
    ids[i] = id
  }
  return ids
}

function rows(ids: Int32Array, sequenceLength: number, first: number, count: number): Sequences {
  const stride = sequenceLength + 1
  if (first < 0 || count < 0 || (first + count) * stride > ids.length) {
    throw new ProtocolError(
      'malformed',
      `Cannot take ${count} sequences from ${first} on of a shard of ${ids.length / stride}`,
    )
  }
  const tokens = new Int32Array(count * sequenceLength)
  const targets = new Int32Array(count * sequenceLength)
  for (let row = 0; row < count; row++) {
    const start = (first + row) * stride
    tokens.set(ids.subarray(start, start + sequenceLength), row * sequenceLength)
    targets.set(ids.subarray(start + 1, start + stride), row * sequenceLength)
  }
  return { tokens, targets }
}
