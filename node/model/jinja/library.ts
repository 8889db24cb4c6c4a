/**
 * All filters and tests by name, and those filters that apply others to each item.
 * Source: Jinja2 3.1, filters.py (`prepare_map`, `prepare_select_or_reject`).
 */
import { bind } from './bind.ts'
import type { Budget } from './budget.ts'
import { JinjaError } from './errors.ts'
import { attributeGetter, LIST_FILTERS } from './filters-lists.ts'
import { type Filter, TEXT_FILTERS } from './filters-texts.ts'
import { iterate } from './iterate.ts'
import { PLAIN_TESTS, type Test } from './tests.ts'
import { type Arguments, hashOf, isText, isTrue, plain, Stream, type Value } from './values.ts'

export function filterOf(name: string): Filter {
  const filter = FILTERS.get(name)
  if (filter === undefined) throw new JinjaError(`there is no filter '${name}'`)
  return filter
}

export function testOf(name: string): Test {
  const test = TESTS.get(name)
  if (test === undefined) throw new JinjaError(`there is no test '${name}'`)
  return test
}

/** Nothing is asked of what is empty, not even whether the filter is there. */
function map(value: Value, given: Arguments, budget: Budget): Value {
  return new Stream(mapped(value, given, budget))
}

function* mapped(value: Value, given: Arguments, budget: Budget): Generator<Value> {
  if (!isTrue(value)) return
  const change = changeOf(given, budget)
  for (const item of iterate(value, budget)) yield change(item)
}

function changeOf({ list, named }: Arguments, budget: Budget): (item: Value) => Value {
  const [name, ...rest] = list
  const path = named.get('attribute')
  if (name === undefined && path !== undefined) {
    const [, otherwise = null] = bind('map', { list, named }, ['attribute', 'default?'])
    return attributeGetter(path, budget, otherwise)
  }
  if (name === undefined || !isText(name)) throw new JinjaError('map lacks the name of a filter')
  const filter = filterOf(plain(name))
  return (item) => filter(item, { list: rest, named }, budget)
}

const selection =
  (name: string, wants: boolean, byAttribute: boolean): Filter =>
  (value, given, budget) =>
    new Stream(selected(value, { name, wants, byAttribute, given }, budget))

interface Selection {
  name: string
  wants: boolean
  byAttribute: boolean
  given: Arguments
}

function* selected(value: Value, selection: Selection, budget: Budget): Generator<Value> {
  if (!isTrue(value)) return
  const holds = conditionOf(selection, budget)
  for (const item of iterate(value, budget)) if (holds(item) === selection.wants) yield item
}

function conditionOf(
  { name, byAttribute, given: { list, named } }: Selection,
  budget: Budget,
): (item: Value) => boolean {
  const rest = byAttribute ? list.slice(1) : list
  if (byAttribute && list.length === 0) throw new JinjaError(`${name} lacks its attribute`)
  const get = byAttribute ? attributeGetter(list[0]!, budget) : (item: Value) => item
  const [test, ...more] = rest
  if (test === undefined) return (item) => isTrue(get(item))
  if (!isText(test)) throw new JinjaError(`${name} lacks the name of a test`)
  const holds = testOf(plain(test))
  return (item) => holds(get(item), { list: more, named }, budget)
}

export const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ...TEXT_FILTERS,
  ...LIST_FILTERS,
  ['map', map],
  ['select', selection('select', true, false)],
  ['reject', selection('reject', false, false)],
  ['selectattr', selection('selectattr', true, true)],
  ['rejectattr', selection('rejectattr', false, true)],
])

const isNameOf =
  (test: string, names: () => ReadonlyMap<string, unknown>): Test =>
  (value, given) => {
    bind(test, given, [])
    const hash = hashOf(value)
    return typeof hash === 'string' && names().has(hash)
  }

export const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ...PLAIN_TESTS,
  ['filter', isNameOf('filter', () => FILTERS)],
  ['test', isNameOf('test', () => TESTS)],
])
