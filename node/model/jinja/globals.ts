/**
 * Functions that every template has.
 * Source: Jinja2 3.1, defaults.py and sandbox.py; transformers, chat_template_utils.py.
 */
import { bind, bindPlain, wantInteger, wantText } from './bind.ts'
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { iterate } from './iterate.ts'
import {
  type Arguments,
  Dict,
  Namespace,
  Range,
  Thing,
  typeName,
  Undefined,
  type Value,
} from './values.ts'
import { textOf } from './write-value.ts'

/** Jinja2 allows no longer ones. */
const RANGE_LENGTH_MAX = 100_000

export function globalsOf(budget: Budget, writeDate: (format: string) => string) {
  const make = (name: string, call: (given: Arguments) => Value): [string, Value] => [
    name,
    new Thing('function', { call }),
  ]
  return new Map<string, Value>([
    make('range', rangeOf),
    make('dict', (given) => dictOf(given, budget)),
    make('namespace', (given) => namespaceOf(given, budget)),
    make('cycler', cyclerOf),
    make('joiner', (given) => joinerOf(given, budget)),
    make('lipsum', () => notDone("The function 'lipsum'")),
    make('raise_exception', (given) => {
      const [message] = bind('raise_exception', given, ['message'])
      throw new JinjaError(textOf(message!, budget))
    }),
    make('strftime_now', (given) => {
      const [format] = bind('strftime_now', given, ['format'])
      return writeDate(wantText(format, 'the format of strftime_now'))
    }),
  ])
}

function rangeOf(given: Arguments): Value {
  const [first, second, third] = bindPlain('range', given, ['start', 'stop?', 'step?'])
  const number = (value: Value | undefined) => wantInteger(value, 'a bound of range')
  const start = second === undefined ? 0 : number(first)
  const stop = second === undefined ? number(first) : number(second)
  const step = third === undefined ? 1 : number(third)
  if (step === 0) throw new JinjaError('the step of range is 0')
  const range = new Range(start, stop, step)
  if (range.length <= RANGE_LENGTH_MAX) return range
  throw new JinjaError(`range has more than ${RANGE_LENGTH_MAX} items`)
}

function dictOf({ list, named }: Arguments, budget: Budget): Dict {
  if (list.length > 1) throw new JinjaError('dict takes at most 1 argument by place')
  const dict = Dict.of(list.length === 0 ? [] : pairsOf(list[0]!, budget))
  for (const [name, value] of named) dict.put(name, value)
  return dict
}

function* pairsOf(value: Value, budget: Budget): Generator<[Value, Value]> {
  if (value instanceof Dict) {
    yield* value.pairs()
    return
  }
  for (const item of iterate(value, budget)) {
    const [key, other, ...more] = iterate(item, budget)
    if (key === undefined || other === undefined || more.length > 0) {
      throw new JinjaError(`dict takes pairs, not a ${typeName(item)}`)
    }
    yield [key, other]
  }
}

function namespaceOf(given: Arguments, budget: Budget): Namespace {
  const namespace = new Namespace()
  for (const [name, value] of dictOf(given, budget).pairs()) {
    if (typeof name !== 'string') notDone('A namespace with names that are no texts')
    else namespace.put(name, value)
  }
  return namespace
}

function cyclerOf({ list, named }: Arguments): Thing {
  if (list.length === 0 || named.size > 0) throw new JinjaError('cycler takes values by place')
  let at = 0
  const next = (): Value => {
    const value = list[at]!
    at = (at + 1) % list.length
    return value
  }
  const reset = (): Value => {
    at = 0
    return null
  }
  return new Thing('Cycler', {
    attribute: (name) => {
      if (name === 'current') return list[at]!
      if (name === 'next') return new Thing('method', { call: next })
      return name === 'reset' ? new Thing('method', { call: reset }) : undefined
    },
  })
}

/** Nothing at first, then what stands between. */
function joinerOf(given: Arguments, budget: Budget): Thing {
  const [between = ', '] = bind('joiner', given, ['sep?'])
  if (between instanceof Undefined) between.fail()
  textOf(between!, budget)
  let isUsed = false
  return new Thing('Joiner', {
    call: () => {
      if (isUsed) return between!
      isUsed = true
      return ''
    },
  })
}
