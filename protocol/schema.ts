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

function refuse(path: string, rule: string, value: unknown): never {
  const current = describe(value)
  throw new ProtocolError(
    'malformed',
    `Cannot accept '${path}' as it must be ${rule}: current value is ${current}`,
    { path, rule, current },
  )
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (value instanceof Uint8Array) return `${value.length} bytes`
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`
}

/** The bounds of a number, for whoever takes it by another name and must not differ. */
export interface Range {
  readonly min: number
  readonly max: number
  readonly isWhole: boolean
  /** What it must be, in words. */
  readonly rule: string
}

/** A whole number in [min, max]. */
export function integer(min: number, max: number): Schema<number> & Range {
  const rule = `a whole number from ${min} to ${max}`
  const schema: Schema<number> = (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : refuse(path, rule, value)
  return Object.assign(schema, { min, max, isWhole: true, rule })
}

/** A finite number in [min, max]. */
export function real(min: number, max: number): Schema<number> & Range {
  const rule = `a number from ${min} to ${max}`
  const schema: Schema<number> = (value, path) =>
    typeof value === 'number' && value >= min && value <= max ? value : refuse(path, rule, value)
  return Object.assign(schema, { min, max, isWhole: false, rule })
}

export const flag: Schema<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false', value)

/** Well-formed text of at most `lengthMax` UTF-16 units, without control characters. */
export function text(lengthMax: number): Schema<string> {
  return (value, path) =>
    isText(value, lengthMax)
      ? value
      : refuse(path, `text of at most ${lengthMax} characters`, value)
}

const isText = (value: unknown, lengthMax: number): value is string =>
  typeof value === 'string' &&
  value.length <= lengthMax &&
  value.isWellFormed() &&
  !/\p{Cc}/u.test(value)

/** Text by which people call something: white space around it goes, and it has more than that. */
export function title(lengthMax: number): Schema<string> {
  const rule = `text of at most ${lengthMax} characters, and more than white space`
  return (value, path) => {
    const trimmed = isText(value, lengthMax) ? value.trim() : ''
    return trimmed === '' ? refuse(path, rule, value) : trimmed
  }
}

/** Text that is one word for people, commands and files alike. */
export function word(lengthMax: number): Schema<string> {
  const rule = `1 to ${lengthMax} letters of a to z, digits, dots, dashes and underscores`
  return (value, path) =>
    isText(value, lengthMax) && /^[\w.-]+$/.test(value) ? value : refuse(path, rule, value)
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

export function oneOf<const T extends string | number>(
  ...allowed: readonly T[]
): Schema<T> & { readonly allowed: readonly T[] } {
  const schema: Schema<T> = (value, path) =>
    allowed.includes(value as T)
      ? (value as T)
      : refuse(path, `one of ${allowed.map((item) => JSON.stringify(item)).join(', ')}`, value)
  return Object.assign(schema, { allowed })
}

export function list<S extends Schema<unknown>>(
  item: S,
  lengthMin: number,
  lengthMax: number,
): Schema<Infer<S>[]> & { readonly item: S } {
  const schema: Schema<Infer<S>[]> = (value, path) =>
    Array.isArray(value) && value.length >= lengthMin && value.length <= lengthMax
      ? value.map((entry, index) => item(entry, `${path}[${index}]`) as Infer<S>)
      : refuse(path, `a list of ${lengthMin} to ${lengthMax}`, value)
  return Object.assign(schema, { item })
}

export function nullable<S extends Schema<unknown>>(
  inner: S,
): Schema<Infer<S> | null> & { readonly inner: S } {
  const schema: Schema<Infer<S> | null> = (value, path) =>
    value === null ? null : (inner(value, path) as Infer<S>)
  return Object.assign(schema, { inner })
}

/** A field that an object may leave out; where it is there, it is not undefined. */
export function optional<S extends Schema<unknown>>(
  inner: S,
): Schema<Infer<S> | undefined> & { readonly inner: S } {
  const schema: Schema<Infer<S> | undefined> = (value, path) => inner(value, path) as Infer<S>
  return Object.assign(schema, { inner, isOptional: true })
}

type Fields = Record<string, Schema<unknown>>
type OptionalKey<F extends Fields> = {
  [K in keyof F]: undefined extends Infer<F[K]> ? K : never
}[keyof F]
type Struct<F extends Fields> = { [K in Exclude<keyof F, OptionalKey<F>>]: Infer<F[K]> } & {
  [K in OptionalKey<F>]?: Exclude<Infer<F[K]>, undefined>
}

/** An object with these fields and no others. */
export function struct<F extends Fields>(fields: F): Schema<Struct<F>> & { readonly fields: F } {
  const schema: Schema<Struct<F>> = (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(path, 'an object', value)
    }
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(fields, key)) refuse(`${path}.${key}`, 'absent', 'an unknown field')
    }
    const checked: Record<string, unknown> = {}
    for (const [key, schema] of Object.entries(fields)) {
      if ('isOptional' in schema && !Object.hasOwn(value, key)) continue
      checked[key] = schema((value as Record<string, unknown>)[key], `${path}.${key}`)
    }
    return checked as Struct<F>
  }
  return Object.assign(schema, { fields })
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
