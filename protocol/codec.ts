/**
 * Values <-> bytes: MessagePack, canonical. Keys are names, sorted; lengths and whole numbers take
 * their shortest form, numbers beyond 32 bits and fractions are float64 (as msgpackr writes them);
 * fields that are undefined are left out. So equal values have equal bytes, which may be hashed and
 * signed. Decoding refuses all other forms before it builds anything (`canonical-form.ts`), and
 * yields plain data for `schema.ts` to check.
 */
import { Packr } from 'msgpackr'
import { checkCanonical } from './canonical-form.ts'
import { ProtocolError } from './errors.ts'
import { MESSAGE_BYTES_MAX, MESSAGE_DEPTH_MAX } from './limits.ts'

/** What a key may be. */
const NAME_PATTERN = /^[a-z][a-z0-9]{0,254}$/i

const packr = new Packr({ useRecords: false, variableMapSize: true })

/**
 * @throws an invariant error when the value holds something that has no canonical form (ours to
 * mend).
 */
export function encode(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(canonical(value, 0)))
}

/**
 * Takes the canonical form and no other: what is decoded has no other bytes.
 * @throws ProtocolError `too-large` or `malformed`
 */
export function decode(bytes: Uint8Array, bytesMax: number = MESSAGE_BYTES_MAX): unknown {
  if (bytes.length > bytesMax) {
    throw new ProtocolError(
      'too-large',
      `Cannot decode as a message must be at most ${bytesMax} bytes: ` +
        `current value is ${bytes.length}`,
    )
  }
  checkCanonical(bytes)
  // A view of its own, because msgpackr leaves a field on the array that it reads.
  return packr.unpack(bytes.subarray())
}

function canonical(value: unknown, depth: number): unknown {
  if (depth > MESSAGE_DEPTH_MAX) throw new Error(`nested deeper than ${MESSAGE_DEPTH_MAX}`)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return canonicalText(value)
  if (typeof value === 'number') return canonicalNumber(value)
  // A copy, because msgpackr marks Node's Buffers and plain Uint8Arrays alike only in this form.
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map((item) => canonical(item, depth + 1))
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return canonicalObject(value as Record<string, unknown>, depth)
  }
  throw new Error(`no canonical form for ${typeof value}`)
}

function canonicalObject(value: Record<string, unknown>, depth: number): Record<string, unknown> {
  const sorted: Record<string, unknown> = {}
  for (const key of Object.keys(value).sort()) {
    // JavaScript moves keys that look like numbers to the front, and `__proto__` is none.
    if (!NAME_PATTERN.test(key)) throw new Error(`no canonical form for the key ${key}`)
    const item = value[key]
    if (item !== undefined) sorted[key] = canonical(item, depth + 1)
  }
  return sorted
}

/** Half of a pair of surrogates has no bytes in UTF-8. */
function canonicalText(value: string): string {
  if (!value.isWellFormed()) throw new Error('no canonical form for text that is not well-formed')
  return value
}

function canonicalNumber(value: number): number {
  if (!Number.isFinite(value)) throw new Error(`no canonical form for ${value}`)
  return value === 0 ? 0 : value
}
