/**
 * TensorBoard's event files: records of a protocol buffer each, framed and checksummed.
 *
 *   u64 length, u32 masked CRC of it, the event, u32 masked CRC of that       little-endian
 *   Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *   Summary { repeated Value value = 1; }  Value { string tag = 1; float simple_value = 2; }
 *
 * Source: tensorflow, core/util/event.proto, core/framework/summary.proto; TFRecord,
 * core/lib/io/record_writer.cc; CRC-32C, RFC 3720, appendix B.4.
 */

export interface Scalars {
  /** Seconds since 1970. */
  seconds: number
  step: number
  /** The values, by tag. */
  values: Readonly<Record<string, number>>
}

/** What a file begins with. */
export function firstRecord(seconds: number): Uint8Array {
  return record([...double(1, seconds), ...text(3, 'brain.Event:2')])
}

export function scalarsRecord({ seconds, step, values }: Scalars): Uint8Array {
  const summary = Object.entries(values).flatMap(([tag, value]) =>
    bytes(1, [...text(1, tag), ...float(2, value)]),
  )
  return record([...double(1, seconds), ...varint(2 << 3), ...varint(step), ...bytes(5, summary)])
}

function record(event: readonly number[]): Uint8Array {
  const framed = new Uint8Array(event.length + 16)
  const view = new DataView(framed.buffer)
  view.setBigUint64(0, BigInt(event.length), true)
  view.setUint32(8, maskedCrc(framed.subarray(0, 8)), true)
  framed.set(event, 12)
  view.setUint32(12 + event.length, maskedCrc(framed.subarray(12, 12 + event.length)), true)
  return framed
}

/** A number in sevens of bits, the lowest first. */
function varint(value: number): number[] {
  const sevens: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) sevens.push((rest % 128) | 128)
  return [...sevens, rest]
}

/** Wire types: 1 is eight bytes, 2 has a length, 5 is four bytes. */
function double(field: number, value: number): number[] {
  return [...varint((field << 3) | 1), ...new Uint8Array(Float64Array.of(value).buffer)]
}

function float(field: number, value: number): number[] {
  return [...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]
}

function bytes(field: number, content: readonly number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(content.length), ...content]
}

function text(field: number, content: string): number[] {
  return bytes(field, [...new TextEncoder().encode(content)])
}

/** Castagnoli's polynomial, its bits turned round. */
const POLYNOMIAL = 0x82f63b78
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})

/** A CRC of data that holds CRCs would say little, so it is turned and shifted. */
function maskedCrc(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
