/**
 * Filters that take collections apart and put them together.
 * Source: Jinja2 3.1, filters.py.
 */
import { attributeOrItem, itemOrAttribute } from './access.ts'
import { bind, bindPlain, wantInteger, wantText } from './bind.ts'
import type { Budget } from './budget.ts'
import { JinjaError } from './errors.ts'
import type { Filter } from './filters-texts.ts'
import { iterate } from './iterate.ts'
import { calculate } from './operators.ts'
import { areEqual, compareValues, isLess } from './order.ts'
import { joined } from './text-methods.ts'
import { lengthOf, pointsOf } from './unicode.ts'
import {
  type Arguments,
  Dict,
  hashOf,
  isText,
  isTrue,
  plain,
  SafeText,
  Stream,
  sizeOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.ts'
import { textOf } from './write-value.ts'

export const listOf = (value: Value, budget: Budget): Value[] => [...iterate(value, budget)]

/** `a.b.0` of an item, by its parts. `otherwise` stands for what is undefined on the way. */
export function attributeGetter(
  path: Value,
  budget: Budget,
  otherwise: Value = null,
): (item: Value) => Value {
  const parts = pathOf(path)
  return (item) => {
    let found = item
    for (const part of parts) {
      found = itemOrAttribute(found, part, budget)
      if (otherwise !== null && found instanceof Undefined) found = otherwise
    }
    return found
  }
}

function pathOf(path: Value): Value[] {
  if (path === null) return []
  if (!isText(path)) return [path]
  return plain(path)
    .split('.')
    .map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
}

const lowered = (value: Value): Value => (isText(value) ? plain(value).toLowerCase() : value)

/** What items are compared by. */
function keyOf(path: Value, isCased: boolean, budget: Budget, otherwise: Value = null) {
  const get = attributeGetter(path, budget, otherwise)
  return (item: Value) => (isCased ? get(item) : lowered(get(item)))
}

function sorted<T>(items: readonly T[], key: (item: T) => Value, isReversed: boolean): T[] {
  const keyed = items.map((item) => ({ item, key: key(item) }))
  // Equal ones keep their order, also where all is reversed.
  keyed.sort((a, b) => (isReversed ? compareValues(b.key, a.key) : compareValues(a.key, b.key)))
  return keyed.map(({ item }) => item)
}

function sort(value: Value, given: Arguments, budget: Budget): Value {
  const [isReversed = false, isCased = false, path = null] = bind('sort', given, [
    'reverse?',
    'case_sensitive?',
    'attribute?',
  ])
  const items = listOf(value, budget)
  budget.spend(items.length * 16)
  const paths = isText(path!) ? plain(path).split(',') : [path!]
  const getters = paths.map((one) => keyOf(one, isTrue(isCased!), budget))
  return sorted(items, (item) => getters.map((get) => get(item)), isTrue(isReversed!))
}

function dictsort(value: Value, given: Arguments, budget: Budget): Value {
  const [isCased = false, by = 'key', isReversed = false] = bind('dictsort', given, [
    'case_sensitive?',
    'by?',
    'reverse?',
  ])
  const at = ['key', 'value'].indexOf(isText(by!) ? plain(by) : '')
  if (at < 0) throw new JinjaError("dictsort sorts by 'key' or 'value'")
  if (value instanceof Undefined) value.fail()
  if (!(value instanceof Dict)) throw new JinjaError(`dictsort takes no ${typeName(value)}`)
  budget.spend(value.size * 16)
  const key = (pair: Tuple) => (isTrue(isCased!) ? pair.items[at]! : lowered(pair.items[at]!))
  return sorted(
    Array.from(value.pairs(), (pair) => new Tuple([...pair])),
    key,
    isTrue(isReversed!),
  )
}

function unique(value: Value, given: Arguments, budget: Budget): Value {
  const [isCased = false, path = null] = bind('unique', given, ['case_sensitive?', 'attribute?'])
  const key = keyOf(path!, isTrue(isCased!), budget)
  return new Stream(firsts(iterate(value, budget), key))
}

function* firsts(items: Iterable<Value>, key: (item: Value) => Value): Generator<Value> {
  const seen = new Set<unknown>()
  for (const item of items) {
    const hash = hashOf(key(item))
    if (seen.has(hash)) continue
    seen.add(hash)
    yield item
  }
}

const extreme =
  (name: string, isBetter: (a: Value, b: Value) => boolean): Filter =>
  (value, given, budget) => {
    const [isCased = false, path = null] = bind(name, given, ['case_sensitive?', 'attribute?'])
    const key = keyOf(path!, isTrue(isCased!), budget)
    const [first, ...rest] = listOf(value, budget)
    if (first === undefined) return new Undefined(`${name} of nothing`)
    let best = { item: first, key: key(first) }
    for (const item of rest) {
      const other = { item, key: key(item) }
      if (isBetter(other.key, best.key)) best = other
    }
    return best.item
  }

function groupby(value: Value, given: Arguments, budget: Budget): Value {
  const [path, otherwise = null, isCased = false] = bind('groupby', given, [
    'attribute',
    'default?',
    'case_sensitive?',
  ])
  const key = keyOf(path!, isTrue(isCased!), budget, otherwise!)
  const written = attributeGetter(path!, budget, otherwise!)
  const items = listOf(value, budget)
  budget.spend(items.length * 16)
  const groups: { key: Value; items: Value[] }[] = []
  for (const item of sorted(items, key, false)) {
    const last = groups.at(-1)
    if (last !== undefined && areEqual(last.key, key(item))) last.items.push(item)
    else groups.push({ key: key(item), items: [item] })
  }
  return groups.map(({ key, items }) => {
    const name = isTrue(isCased!) ? key : written(items[0]!)
    return new Tuple([name, items], ['grouper', 'list'])
  })
}

function join(value: Value, given: Arguments, budget: Budget): Value {
  const [between = '', path = null] = bind('join', given, ['d?', 'attribute?'])
  const get = attributeGetter(path!, budget)
  const parts = Array.from(iterate(value, budget), (item) => textOf(get(item), budget))
  return joined(parts, textOf(between!, budget), budget)
}

function sum(value: Value, given: Arguments, budget: Budget): Value {
  const [path = null, start = 0n] = bind('sum', given, ['attribute?', 'start?'])
  if (isText(start!)) throw new JinjaError('sum adds no texts')
  const get = attributeGetter(path!, budget)
  let total: Value = start!
  for (const item of iterate(value, budget)) total = calculate('+', total, get(item), budget)
  return total
}

function first(value: Value, given: Arguments, budget: Budget): Value {
  bind('first', given, [])
  for (const item of iterate(value, budget)) return item
  return new Undefined('the first of nothing')
}

function last(value: Value, given: Arguments, budget: Budget): Value {
  bind('last', given, [])
  const last = reversible(value, budget).at(-1)
  return last === undefined ? new Undefined('the last of nothing') : last
}

/** @throws JinjaError for what can be gone through in one direction only */
function reversible(value: Value, budget: Budget): Value[] {
  if (value instanceof Stream) throw new JinjaError('a generator has no end to begin with')
  return listOf(value, budget)
}

function reverse(value: Value, given: Arguments, budget: Budget): Value {
  bind('reverse', given, [])
  if (typeof value === 'string') return [...pointsOf(value)].reverse().join('')
  if (value instanceof SafeText) {
    return new SafeText([...pointsOf(value.text)].reverse().join(''))
  }
  const items = listOf(value, budget).reverse()
  // Jinja2 makes a list of what only goes in one direction.
  return value instanceof Stream ? items : new Stream(items.values())
}

function length(value: Value, given: Arguments): Value {
  bindPlain('length', given, [])
  if (isText(value)) return BigInt(lengthOf(plain(value)))
  const size = sizeOf(value)
  if (size === null) throw new JinjaError(`a ${typeName(value)} has no length`)
  return BigInt(size)
}

function batch(value: Value, given: Arguments, budget: Budget): Value {
  const [count, fill = null] = bind('batch', given, ['linecount', 'fill_with?'])
  const size = wantInteger(count, 'the count of batch')
  return new Stream(batches(value, { size, fill: fill! }, budget))
}

function* batches(
  value: Value,
  { size, fill }: { size: number; fill: Value },
  budget: Budget,
): Generator<Value> {
  let batch: Value[] = []
  for (const item of iterate(value, budget)) {
    if (batch.length === size) {
      yield batch
      batch = []
    }
    batch.push(item)
  }
  if (batch.length === 0) return
  const more = fill === null ? 0 : Math.max(0, size - batch.length)
  budget.spend(more)
  yield batch.concat(new Array<Value>(more).fill(fill))
}

function slice(value: Value, given: Arguments, budget: Budget): Value {
  const [count, fill = null] = bind('slice', given, ['slices', 'fill_with?'])
  const size = wantInteger(count, 'the count of slice')
  return new Stream(slices(value, { size, fill: fill! }, budget))
}

function* slices(
  value: Value,
  { size, fill }: { size: number; fill: Value },
  budget: Budget,
): Generator<Value> {
  const items = listOf(value, budget)
  if (size === 0) throw new JinjaError('slice makes no 0 slices')
  const least = Math.floor(items.length / size)
  const longer = items.length - least * size
  let from = 0
  for (let i = 0; i < size; i++) {
    budget.spend(1)
    const to = from + least + (i < longer ? 1 : 0)
    const part = items.slice(from, to)
    yield fill !== null && i >= longer ? part.concat([fill]) : part
    from = to
  }
}

function items(value: Value, given: Arguments): Value {
  bind('items', given, [])
  if (value instanceof Dict) return new Stream(new View(value, 'items')[Symbol.iterator]())
  return new Stream(noItems(value))
}

// biome-ignore lint/correctness/useYield: it fails once somebody asks for the first
function* noItems(value: Value): Generator<Value> {
  if (!(value instanceof Undefined)) throw new JinjaError(`a ${typeName(value)} has no pairs`)
}

function fallback(value: Value, given: Arguments): Value {
  const [otherwise = '', isTruth = false] = bind('default', given, ['default_value?', 'boolean?'])
  const isMissing = value instanceof Undefined || (isTrue(isTruth!) && !isTrue(value))
  return isMissing ? otherwise! : value
}

function attr(value: Value, given: Arguments, budget: Budget): Value {
  const [name] = bind('attr', given, ['name'])
  const text = wantText(name, 'the name of attr')
  if (value instanceof Dict && value.get(text) !== undefined) {
    // The filter looks for attributes alone, and a dict has its keys elsewhere.
    const isMethod = ['keys', 'values', 'items', 'get', 'copy'].includes(text)
    if (!isMethod) return new Undefined(`a dict has no attribute '${text}'`)
  }
  return attributeOrItem(value, text, budget)
}

function list(value: Value, given: Arguments, budget: Budget): Value {
  bind('list', given, [])
  return listOf(value, budget)
}

export const LIST_FILTERS: readonly [name: string, filter: Filter][] = [
  ['attr', attr],
  ['batch', batch],
  ['count', length],
  ['d', fallback],
  ['default', fallback],
  ['dictsort', dictsort],
  ['first', first],
  ['groupby', groupby],
  ['items', items],
  ['join', join],
  ['last', last],
  ['length', length],
  ['list', list],
  ['max', extreme('max', (a, b) => isLess(b, a))],
  ['min', extreme('min', isLess)],
  ['reverse', reverse],
  ['slice', slice],
  ['sort', sort],
  ['sum', sum],
  ['unique', unique],
]
