/**
 * Shapes of untrusted values. A `Schema<T>` turns an unknown value into a T or throws a
 * ProtocolError that names the field, what it must be and what it is. Unknown fields are refused: a
 * message has one meaning.
 */
import { type Digest, isDigest } from './digest.ts'
import { ProtocolError } from './errors.ts'

export type Schema<T> = (value: unknown, path: string) => T
export type Infer<S> = S extends Schema<infer T> ? T : never

/** @throws ProtocolError `malformed` */
export function parse<T>(schema: Schema<T>, value: unknown, name: string): T {
  return schema(value, name)
}

function refuse(path: string, expected: string, value: unknown): never {
  throw new ProtocolError(
    'malformed',
    `Cannot accept '${path}' as it must be ${expected}: current value is ${describe(value)}`,
  )
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (value instanceof Uint8Array) return `${value.length} bytes`
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`
}

/** A whole number in [min, max]. */
export function integer(min: number, max: number): Schema<number> {
  return (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : refuse(path, `a whole number from ${min} to ${max}`, value)
}

/** A finite number in [min, max]. */
export function real(min: number, max: number): Schema<number> {
  return (value, path) =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : refuse(path, `a number from ${min} to ${max}`, value)
}

export const flag: Schema<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false', value)

/** Well-formed text of at most `lengthMax` UTF-16 units, without control characters. */
export function text(lengthMax: number): Schema<string> {
  return (value, path) =>
    typeof value === 'string' &&
    value.length <= lengthMax &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
      ? value
      : refuse(path, `text of at most ${lengthMax} characters`, value)
}

export const digest: Schema<Digest> = (value, path) =>
  isDigest(value) ? value : refuse(path, 'a SHA-256 digest in hexadecimal', value)

/** Bytes, copied: what msgpackr returns is a window on the frame. */
export function bytes(lengthMin: number, lengthMax: number): Schema<Uint8Array> {
  return (value, path) =>
    value instanceof Uint8Array && value.length >= lengthMin && value.length <= lengthMax
      ? Uint8Array.from(value)
      : refuse(path, `${lengthMin} to ${lengthMax} bytes`, value)
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Schema<T> {
  return (value, path) =>
    allowed.includes(value as T)
      ? (value as T)
      : refuse(path, `one of ${allowed.map((item) => JSON.stringify(item)).join(', ')}`, value)
}

export function list<T>(item: Schema<T>, lengthMin: number, lengthMax: number): Schema<T[]> {
  return (value, path) =>
    Array.isArray(value) && value.length >= lengthMin && value.length <= lengthMax
      ? value.map((entry, index) => item(entry, `${path}[${index}]`))
      : refuse(path, `a list of ${lengthMin} to ${lengthMax}`, value)
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return (value, path) => (value === null ? null : schema(value, path))
}

type Fields = Record<string, Schema<unknown>>
type Struct<F extends Fields> = { [K in keyof F]: Infer<F[K]> }

/** An object with exactly these fields. */
export function struct<F extends Fields>(fields: F): Schema<Struct<F>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(path, 'an object', value)
    }
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(fields, key)) refuse(`${path}.${key}`, 'absent', 'an unknown field')
    }
    const checked: Record<string, unknown> = {}
    for (const [key, schema] of Object.entries(fields)) {
      checked[key] = schema((value as Record<string, unknown>)[key], `${path}.${key}`)
    }
    return checked as Struct<F>
  }
}

/** A union told apart by its field `type`. */
export function variants<V extends Record<string, Fields>>(
  table: V,
): Schema<{ [K in keyof V]: { type: K } & Struct<V[K]> }[keyof V]> {
  const schemas = new Map(
    Object.entries(table).map(([type, fields]) => [type, struct({ type: oneOf(type), ...fields })]),
  )
  return (value, path) => {
    const type = (value as { type?: unknown } | null | undefined)?.type
    const schema = typeof type === 'string' ? schemas.get(type) : undefined
    if (schema === undefined) {
      return refuse(`${path}.type`, `one of ${[...schemas.keys()].join(', ')}`, type)
    }
    return schema(value, path) as never
  }
}
