/**
 * Canonical MessagePack, written from the specification alone, to check the codec against: sorted
 * keys, every length and whole number in its shortest form; numbers that are not whole, or beyond
 * 32 bits, are float64. Source: msgpack/spec.md, "Formats".
 */
const utf8 = new TextEncoder()

export function pack(value: unknown): number[] {
  if (value === null) return [0xc0]
  if (value === false) return [0xc2]
  if (value === true) return [0xc3]
  if (typeof value === 'number') return packNumber(value)
  if (typeof value === 'string') return packText([...utf8.encode(value)])
  if (value instanceof Uint8Array) {
    return [...head(value.length, [0xc4, 0xc5, 0xc6]), ...value]
  }
  if (Array.isArray(value)) {
    const count = value.length
    const start = count < 16 ? [0x90 | count] : head(count, [null, 0xdc, 0xdd])
    return [...start, ...value.flatMap(pack)]
  }
  const entries = Object.entries(value as object).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const count = entries.length
  const start = count < 16 ? [0x80 | count] : head(count, [null, 0xde, 0xdf])
  return [...start, ...entries.flatMap(([key, item]) => [...pack(key), ...pack(item)])]
}

function packText(bytes: number[]): number[] {
  const start = bytes.length < 32 ? [0xa0 | bytes.length] : head(bytes.length, [0xd9, 0xda, 0xdb])
  return [...start, ...bytes]
}

function packNumber(value: number): number[] {
  if (!Number.isInteger(value) || value >= 2 ** 32 || value < -(2 ** 31)) {
    return [0xcb, ...bigEndian(8, (view) => view.setFloat64(0, value))]
  }
  if (value >= 0) return value < 128 ? [value] : head(value, [0xcc, 0xcd, 0xce])
  if (value >= -32) return [256 + value]
  if (value >= -128) return [0xd0, 256 + value]
  if (value >= -32_768) return [0xd1, ...bigEndian(2, (view) => view.setInt16(0, value))]
  return [0xd2, ...bigEndian(4, (view) => view.setInt32(0, value))]
}

/** A type byte for 8, 16 or 32 bits, and the number. */
function head(value: number, [bits8, bits16, bits32]: (number | null)[]): number[] {
  if (value < 2 ** 8 && bits8 != null) return [bits8, value]
  if (value < 2 ** 16) return [bits16!, ...bigEndian(2, (view) => view.setUint16(0, value))]
  return [bits32!, ...bigEndian(4, (view) => view.setUint32(0, value))]
}

function bigEndian(bytes: number, write: (view: DataView) => void): number[] {
  const view = new DataView(new ArrayBuffer(bytes))
  write(view)
  return [...new Uint8Array(view.buffer)]
}
