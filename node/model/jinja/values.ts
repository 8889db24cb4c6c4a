/**
 * What a template computes with: Python's values. Its integers are bigints and its floats numbers,
 * so that 1 and 1.0 stay apart; lists are arrays.
 */
import { WholeFloat } from '../../exact-json.ts'
import { JinjaError } from './errors.ts'

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Value[]
  | SafeText
  | Tuple
  | Dict
  | View
  | Range
  | Stream
  | Undefined
  | Namespace
  | Thing

/** `Markup`: what the filter `safe` makes of a text. */
export class SafeText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export class Tuple {
  readonly items: readonly Value[]
  /** Names of the items, where they have any. */
  readonly names: readonly string[]
  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items
    this.names = names
  }
}

/** Keeps the order in which keys came. 1, 1.0 and True are one key. */
export class Dict {
  private readonly entries = new Map<unknown, [key: Value, value: Value]>()

  static of(pairs: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict()
    for (const [key, value] of pairs) dict.put(key, value)
    return dict
  }

  get size(): number {
    return this.entries.size
  }

  get(key: Value): Value | undefined {
    return this.entries.get(hashOf(key))?.[1]
  }

  put(key: Value, value: Value): void {
    const hash = hashOf(key)
    const found = this.entries.get(hash)
    if (found === undefined) this.entries.set(hash, [key, value])
    else found[1] = value
  }

  pairs(): MapIterator<[key: Value, value: Value]> {
    return this.entries.values()
  }

  *keys(): Generator<Value> {
    for (const [key] of this.pairs()) yield key
  }
}

/** `dict.items()` and its like: the dict as it is when somebody looks. */
export class View {
  readonly dict: Dict
  readonly kind: 'keys' | 'values' | 'items'
  constructor(dict: Dict, kind: View['kind']) {
    this.dict = dict
    this.kind = kind
  }

  *[Symbol.iterator](): Generator<Value> {
    for (const pair of this.dict.pairs()) {
      yield this.kind === 'items' ? new Tuple([...pair]) : pair[this.kind === 'keys' ? 0 : 1]
    }
  }
}

export class Range {
  readonly start: number
  readonly stop: number
  readonly step: number
  constructor(start: number, stop: number, step: number) {
    this.start = start
    this.stop = stop
    this.step = step
  }

  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step))
  }

  at(index: number): bigint {
    return BigInt(this.start + index * this.step)
  }
}

/** What filters such as `map` make: it can be gone through once. */
export class Stream implements IterableIterator<Value> {
  private readonly source: Iterator<Value>
  constructor(source: Iterator<Value>) {
    this.source = source
  }

  next(): IteratorResult<Value> {
    return this.source.next()
  }

  [Symbol.iterator](): this {
    return this
  }
}

/** What is not there: it can be written, and is false; whatever else is tried with it fails. */
export class Undefined {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }

  fail(): never {
    throw new JinjaError(this.reason)
  }
}

export class Namespace {
  readonly fields = new Map<string, Value>()

  put(name: string, value: Value): void {
    if (name.startsWith('_')) {
      throw new JinjaError(`the field '${name}' of a namespace begins with an underscore`)
    }
    this.fields.set(name, value)
  }
}

/** What a call gives. */
export interface Arguments {
  list: readonly Value[]
  named: ReadonlyMap<string, Value>
}

/** A function, a macro, or `loop`: what has attributes, or can be called, or both. */
export class Thing {
  readonly name: string
  private readonly parts: ThingParts
  constructor(name: string, parts: ThingParts) {
    this.name = name
    this.parts = parts
  }

  get call(): ThingParts['call'] {
    return this.parts.call
  }

  attribute(name: string): Value | undefined {
    return this.parts.attribute?.(name)
  }

  /** How it is written; null: Python writes where it lies in memory. */
  get text(): string | null {
    return this.parts.text?.() ?? null
  }

  get length(): number | null {
    return this.parts.length?.() ?? null
  }
}

export interface ThingParts {
  call?: (given: Arguments) => Value
  attribute?: (name: string) => Value | undefined
  text?: () => string
  length?: () => number
}

export const isText = (value: Value): value is string | SafeText =>
  typeof value === 'string' || value instanceof SafeText

export const plain = (text: string | SafeText): string =>
  typeof text === 'string' ? text : text.text

export const isInteger = (value: Value): value is bigint | boolean =>
  typeof value === 'bigint' || typeof value === 'boolean'

export const isNumber = (value: Value): value is bigint | boolean | number =>
  typeof value === 'number' || isInteger(value)

/** What Python calls the type. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case 'string':
      return 'str'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'boolean':
      return 'bool'
    default:
      return objectTypeName(value)
  }
}

function objectTypeName(value: Exclude<Value, string | bigint | number | boolean>): string {
  if (value === null) return 'NoneType'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Tuple) return 'tuple'
  if (value instanceof Dict) return 'dict'
  if (value instanceof View) return `dict_${value.kind}`
  if (value instanceof Range) return 'range'
  if (value instanceof SafeText) return 'Markup'
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Namespace) return 'Namespace'
  return value instanceof Thing ? value.name : 'generator'
}

export function isTrue(value: Value): boolean {
  if (value === null || value === '' || value === false) return false
  if (typeof value === 'bigint') return value !== 0n
  if (typeof value === 'number') return value !== 0
  if (value instanceof Undefined) return false
  const length = sizeOf(value)
  return length === null || length > 0
}

/** Null: it has no length. Of a text it is the units of UTF-16, which tells only if it is empty. */
export function sizeOf(value: Value): number | null {
  if (isText(value)) return plain(value).length
  if (Array.isArray(value)) return value.length
  if (value instanceof Tuple) return value.items.length
  if (value instanceof Dict) return value.size
  if (value instanceof View) return value.dict.size
  if (value instanceof Range || value instanceof Thing) return value.length
  return value instanceof Undefined ? 0 : null
}

/** Values that are equal have the same. @throws JinjaError for what can be no key */
export function hashOf(value: Value): unknown {
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (value instanceof SafeText) return value.text
  if (value instanceof Tuple) return Symbol.for(value.items.map(keyText).join(','))
  const isMutable = Array.isArray(value) || value instanceof Dict || value instanceof View
  if (isMutable) throw new JinjaError(`a ${typeName(value)} can be no key`)
  return value instanceof Undefined ? Undefined : value
}

/** A text for each hash, no two of which have the same. */
function keyText(value: Value): string {
  const hash = hashOf(value)
  if (typeof hash === 'string') return JSON.stringify(hash)
  if (typeof hash === 'symbol') return `(${hash.description})`
  if (hash === null || typeof hash === 'bigint' || typeof hash === 'number') return `${hash}`
  throw new JinjaError(`a tuple with a ${typeName(value)} can be no key`)
}

function numberValue(number: number): bigint | number {
  if (!Number.isInteger(number)) return number
  if (Number.isSafeInteger(number)) return BigInt(number)
  throw new JinjaError(`the number ${number} of the messages is beyond 2^53: write it as a text`)
}

/**
 * A value of JSON. Whole numbers become integers; exact-json.ts tells 1 and 1.0 apart.
 * @throws JinjaError for numbers of which JSON.parse kept another one
 */
export function toValue(json: unknown): Value {
  if (json === null || typeof json === 'string' || typeof json === 'boolean') return json
  if (typeof json === 'bigint') return json
  if (typeof json === 'number') return numberValue(json)
  if (json instanceof WholeFloat) return json.value
  if (Array.isArray(json)) return json.map(toValue)
  const dict = new Dict()
  for (const [key, value] of Object.entries(json as object)) {
    if (value !== undefined) dict.put(key, toValue(value))
  }
  return dict
}
