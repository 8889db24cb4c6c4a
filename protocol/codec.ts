/**
 * Values <-> bytes: MessagePack, canonical. Keys are names, sorted; lengths and whole numbers take
 * their shortest form, numbers beyond 32 bits and fractions are float64 (as msgpackr writes them);
 * fields that are undefined are left out. So equal values have equal bytes, which may be hashed and
 * signed. Decoding is bounded before it starts and yields plain data for `schema.ts` to check.
 */
import { Packr } from 'msgpackr'
import { ProtocolError } from './errors.ts'
import { MESSAGE_BYTES_MAX, MESSAGE_DEPTH_MAX } from './limits.ts'

/** What a key may be. */
const NAME_PATTERN = /^[a-z][a-z0-9]*$/i

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' })

/**
 * @throws an invariant error when the value holds something that has no canonical form (ours to
 * mend).
 */
export function encode(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(canonical(value, 0)))
}

/** @throws ProtocolError `too-large` or `malformed`. */
export function decode(bytes: Uint8Array, bytesMax: number = MESSAGE_BYTES_MAX): unknown {
  if (bytes.length > bytesMax) {
    throw new ProtocolError(
      'too-large',
      `Cannot decode as a message must be at most ${bytesMax} bytes: ` +
        `current value is ${bytes.length}`,
    )
  }
  let value: unknown
  try {
    // A view of its own, because msgpackr leaves a field on the array that it reads.
    value = packr.unpack(bytes.subarray())
  } catch (error) {
    throw new ProtocolError('malformed', `Cannot decode: not MessagePack (${String(error)})`)
  }
  return value
}

/** Decodes bytes that are hashed or signed: they must be the canonical form of what they say. */
export function decodeCanonical(bytes: Uint8Array, bytesMax: number = MESSAGE_BYTES_MAX): unknown {
  const value = decode(bytes, bytesMax)
  let again: Uint8Array
  try {
    again = encode(value)
  } catch (error) {
    throw new ProtocolError('malformed', `Cannot decode: no canonical form (${String(error)})`)
  }
  if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) {
    throw new ProtocolError('malformed', 'Cannot decode: the bytes are not in canonical form')
  }
  return value
}

function canonical(value: unknown, depth: number): unknown {
  if (depth > MESSAGE_DEPTH_MAX) throw new Error(`nested deeper than ${MESSAGE_DEPTH_MAX}`)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return canonicalNumber(value)
  // A copy, because msgpackr marks Node's Buffers and plain Uint8Arrays alike only in this form.
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map((item) => canonical(item, depth + 1))
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const sorted: Record<string, unknown> = {}
    for (const key of Object.keys(value).sort()) {
      // JavaScript moves keys that look like numbers to the front, and `__proto__` is none.
      if (!NAME_PATTERN.test(key)) throw new Error(`no canonical form for the key ${key}`)
      const item = (value as Record<string, unknown>)[key]
      if (item !== undefined) sorted[key] = canonical(item, depth + 1)
    }
    return sorted
  }
  throw new Error(`no canonical form for ${typeof value}`)
}

function canonicalNumber(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`no canonical form for ${value}`)
  return value === 0 ? 0 : value
}
