/**
 * Changes to valid inputs: to their bytes, whatever they mean, and to the values that they are made
 * of, so that what comes of it is still well-formed and gets further into a decoder.
 */
import { nextBelow, nextFraction, type Prng } from '../../protocol/prng.ts'

const pick = <T>(random: Prng, items: readonly T[]): T => items[nextBelow(random, items.length)]!
const chance = (random: Prng, share: number): boolean => nextFraction(random) < share

/** Numbers at which something changes: signs, widths, the ends of what is exact. */
const BOUNDS = [
  0, 1, 2, 7, 8, 31, 32, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2_147_483_647,
  2_147_483_648, 4_294_967_295, 4_294_967_296, 9_007_199_254_740_991, 9_007_199_254_740_992, -1,
  -2_147_483_648, 0.5, -0.5, 1e-300, 1e300,
]
/** Texts that mean something to one format or another. */
const WORDS = [
  '',
  ' ',
  '\n',
  '\r\n',
  '\0',
  '"',
  "'",
  '\\',
  '{',
  '}',
  '[',
  ']',
  '{{',
  '}}',
  '{%',
  '%}',
  '<',
  '>',
  '&a',
  '*a',
  ',',
  ':',
  '#',
  '/',
  '..',
  '%',
  '%00',
  '\ud800',
  '\u{1f600}',
  '\ufeff',
  'é',
  'null',
  'NaN',
  '-1',
  '1e999',
  '__proto__',
  'constructor',
  'toString',
  'then',
  'length',
]
/** How deep, long and often: enough to overflow what has no bound, and soon made. */
const DEPTH = 1_000
const LENGTH_MAX = 2_000
const COPIES_MAX = 20
const REPEATS_MAX = 50
const CHANGES_MAX = 3
/** An input that grew beyond it is cut. */
const INPUT_BYTES_MAX = 256 * 1024

/** Some changes to bytes; `other` is another valid input to take pieces from. */
export function mutateBytes(random: Prng, seed: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = Uint8Array.from(seed)
  for (let left = 1 + nextBelow(random, CHANGES_MAX); left > 0; left--) {
    bytes = pick(random, BYTE_CHANGES)(random, bytes, other)
  }
  return bytes.subarray(0, INPUT_BYTES_MAX)
}

type ByteChange = (random: Prng, bytes: Uint8Array, other: Uint8Array) => Uint8Array<ArrayBuffer>

const BYTE_CHANGES: readonly ByteChange[] = [
  flip,
  overwrite,
  number,
  remove,
  repeat,
  insert,
  splice,
  truncate,
]

/** A place, more often near the start, where formats keep what they say of the rest. */
function place(random: Prng, length: number): number {
  const most = chance(random, 0.5) ? Math.min(length, 64) : length
  return nextBelow(random, most + 1)
}

function span(random: Prng, length: number): [from: number, to: number] {
  const from = place(random, length)
  const most = chance(random, 0.7) ? 16 : length
  return [from, Math.min(length, from + 1 + nextBelow(random, most + 1))]
}

const joined = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function flip(random: Prng, bytes: Uint8Array) {
  const copy = Uint8Array.from(bytes)
  const at = place(random, bytes.length)
  if (at < copy.length) copy[at]! ^= 1 << nextBelow(random, 8)
  return copy
}

function overwrite(random: Prng, bytes: Uint8Array) {
  const copy = Uint8Array.from(bytes)
  const [from, to] = span(random, bytes.length)
  copy.fill(pick(random, [0, 1, 0x7f, 0x80, 0xff, nextBelow(random, 256)]), from, to)
  return copy
}

/** A number at a bound in 2, 4 or 8 bytes, either end first. */
function number(random: Prng, bytes: Uint8Array) {
  const copy = Uint8Array.from(bytes)
  const size = pick(random, [2, 4, 8])
  if (copy.length < size) return copy
  const at = Math.min(place(random, bytes.length), copy.length - size)
  const view = new DataView(copy.buffer)
  const value = BigInt(Math.trunc(Math.max(-1, Math.min(2 ** 53, pick(random, BOUNDS)))))
  const isLittle = chance(random, 0.5)
  if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), isLittle)
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), isLittle)
  else view.setBigUint64(at, BigInt.asUintN(64, value), isLittle)
  return copy
}

function remove(random: Prng, bytes: Uint8Array) {
  const [from, to] = span(random, bytes.length)
  return joined(bytes.subarray(0, from), bytes.subarray(to))
}

function repeat(random: Prng, bytes: Uint8Array) {
  const [from, to] = span(random, bytes.length)
  const piece = bytes.subarray(from, to)
  const most = Math.min(REPEATS_MAX, Math.floor(INPUT_BYTES_MAX / Math.max(1, piece.length)))
  const times = 1 + nextBelow(random, Math.max(1, most))
  return joined(
    bytes.subarray(0, to),
    ...new Array<Uint8Array>(times).fill(piece),
    bytes.subarray(to),
  )
}

function insert(random: Prng, bytes: Uint8Array) {
  const at = place(random, bytes.length)
  const word = new TextEncoder().encode(pick(random, WORDS))
  return joined(bytes.subarray(0, at), word, bytes.subarray(at))
}

function splice(random: Prng, bytes: Uint8Array, other: Uint8Array) {
  const [from, to] = span(random, other.length)
  const at = place(random, bytes.length)
  const end = chance(random, 0.5) ? at : Math.min(bytes.length, at + to - from)
  return joined(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(end))
}

function truncate(random: Prng, bytes: Uint8Array) {
  return Uint8Array.from(bytes.subarray(0, place(random, bytes.length)))
}

type Parent = Record<string, unknown> | unknown[]

/** Some changes to parts of a value; `other` is another valid value to take parts from. */
export function mutateValue(random: Prng, seed: unknown, other: unknown): unknown {
  const root = { value: structuredClone(seed) }
  for (let left = 1 + nextBelow(random, CHANGES_MAX); left > 0; left--) {
    const [parent, key] = pick(random, partsOf(root))
    change(random, parent, key, other)
  }
  return root.value
}

/** Every part, with where it is. */
function partsOf(root: Parent): [parent: Parent, key: string][] {
  const found: [Parent, string][] = []
  const queue: Parent[] = [root]
  for (const parent of queue) {
    for (const [key, value] of Object.entries(parent)) {
      found.push([parent, key])
      const isPlain = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
      if (isPlain && queue.length < 1_000) queue.push(value as Parent)
    }
  }
  return found
}

function change(random: Prng, parent: Parent, key: string, other: unknown): void {
  const target = parent as Record<string, unknown>
  const value = target[key]
  switch (nextBelow(random, 6)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1)
      else if (key !== 'value') delete target[key]
      return
    case 1:
      if (Array.isArray(parent)) parent.splice(Number(key), 0, structuredClone(value))
      else put(target, pick(random, [...WORDS, 'more', `${key}2`]), structuredClone(value))
      return
    case 2: {
      const [from, at] = pick(random, partsOf({ other }))
      target[key] = structuredClone((from as Record<string, unknown>)[at])
      return
    }
    case 3:
      target[key] = replacement(random)
      return
    default:
      target[key] = altered(random, value)
  }
}

/** Also under names that JavaScript has plans for. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

/** Something of the same type. */
function altered(random: Prng, value: unknown): unknown {
  if (typeof value === 'number') {
    return chance(random, 0.5) ? pick(random, BOUNDS) : value + pick(random, [-1, 1, 0.5])
  }
  if (typeof value === 'boolean') return !value
  if (typeof value === 'string') return alteredText(random, value)
  if (value instanceof Uint8Array) return mutateBytes(random, value, value)
  if (Array.isArray(value) && value.length > 0) {
    const times = 1 + nextBelow(random, COPIES_MAX)
    return chance(random, 0.5) ? value.toReversed() : new Array(times).fill(pick(random, value))
  }
  return replacement(random)
}

function alteredText(random: Prng, text: string): string {
  const at = nextBelow(random, text.length + 1)
  const word = pick(random, WORDS)
  switch (nextBelow(random, 4)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(0, at) + word + text.slice(at)
    case 2:
      return text.slice(0, at) + word.repeat(1 + nextBelow(random, LENGTH_MAX)) + text.slice(at)
    default:
      return text.slice(at) + text.slice(0, at)
  }
}

function replacement(random: Prng): unknown {
  switch (nextBelow(random, 8)) {
    case 0:
      return null
    case 1:
      return chance(random, 0.5)
    case 2:
      return pick(random, BOUNDS)
    case 3:
      return pick(random, WORDS)
    case 4:
      return 'a'.repeat(nextBelow(random, LENGTH_MAX))
    case 5:
      return chance(random, 0.5) ? [] : {}
    case 6:
      return new Array(nextBelow(random, LENGTH_MAX)).fill(pick(random, BOUNDS))
    default: {
      let deep: unknown = 1
      const isList = chance(random, 0.5)
      for (let depth = nextBelow(random, DEPTH); depth > 0; depth--)
        deep = isList ? [deep] : { a: deep }
      return deep
    }
  }
}
