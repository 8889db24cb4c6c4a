/**
 * Filters that make texts and numbers.
 * Source: Jinja2 3.1, filters.py.
 */
import { bind, bindPlain, wantInteger, wantText } from './bind.ts'
import type { Budget } from './budget.ts'
import { capitalized } from './cases.ts'
import { JinjaError, notDone } from './errors.ts'
import { parseFloatText, parseInteger, roundedFloat, roundedInteger } from './numbers.ts'
import { escaped } from './operators.ts'
import { printf } from './printf.ts'
import { joined, replaced } from './text-methods.ts'
import { lengthOf, pointsOf, SPACE, splitLines, stripEnd, stripStart } from './unicode.ts'
import {
  type Arguments,
  Dict,
  isInteger,
  isNumber,
  isText,
  isTrue,
  plain,
  SafeText,
  sizeOf,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'
import { jsonOf, textOf } from './write-value.ts'

export type Filter = (value: Value, given: Arguments, budget: Budget) => Value

/** A text of a text, whatever is written there. */
const onText =
  (name: string, make: (text: string) => Value): Filter =>
  (value, given, budget) => {
    bind(name, given, [])
    if (value instanceof SafeText) notDone(`'${name}' of a text that is marked safe`)
    const text = textOf(value, budget)
    budget.spendText(text.length)
    return make(text)
  }

/** Unlike the method, this one takes a letter after any of these for the first of a word. */
const WORD_BEGINS = new RegExp(`([-\\s({[<]+)`.replace('\\s', SPACE.slice(1, -1)))

function title(text: string): string {
  return text.split(WORD_BEGINS).map(titledWord).join('')
}

function titledWord(word: string): string {
  const [first = ''] = word
  return first.toUpperCase() + word.slice(first.length).toLowerCase()
}

function trim(value: Value, given: Arguments, budget: Budget): Value {
  const [letters = null] = bind('trim', given, ['chars?'])
  if (value instanceof SafeText) notDone("'trim' of a text that is marked safe")
  const text = textOf(value, budget)
  budget.spendText(text.length)
  const all = letters === null ? null : wantText(letters, 'what trim takes away')
  return stripStart(stripEnd(text, all), all)
}

function replace(value: Value, given: Arguments, budget: Budget): Value {
  const [old, by, count = null] = bind('replace', given, ['old', 'new', 'count?'])
  const options = {
    old: textOf(old!, budget),
    by: textOf(by!, budget),
    most: count === null ? -1 : wantInteger(count, 'the count of replace'),
  }
  return replaced(textOf(value, budget), options, budget)
}

function center(value: Value, given: Arguments, budget: Budget): Value {
  const [width = 80n] = bind('center', given, ['width?'])
  if (value instanceof SafeText) notDone("'center' of a text that is marked safe")
  const text = textOf(value, budget)
  const wanted = wantInteger(width, 'the width of center')
  const space = wanted - lengthOf(text)
  if (space <= 0) return text
  budget.spendText(text.length + space)
  const left = Math.floor(space / 2) + ((space % 2) & (wanted % 2))
  return ' '.repeat(left) + text + ' '.repeat(space - left)
}

function indent(value: Value, given: Arguments, budget: Budget): Value {
  const [width = 4n, first = false, blank = false] = bind('indent', given, [
    'width?',
    'first?',
    'blank?',
  ])
  if (typeof value !== 'string') {
    if (value instanceof Undefined) value.fail()
    if (value instanceof SafeText) notDone("'indent' of a text that is marked safe")
    throw new JinjaError(`indent takes a text, not a ${typeName(value)}`)
  }
  const by = isText(width!)
    ? plain(width)
    : spaces(wantInteger(width, 'the width of indent'), budget)
  const lines = splitLines(`${value}\n`, false)
  budget.spendText(value.length + lines.length * by.length)
  const isIndented = (line: string, index: number) => index > 0 && (isTrue(blank!) || line !== '')
  const text = lines.map((line, i) => (isIndented(line, i) ? by + line : line)).join('\n')
  return isTrue(first!) ? by + text : text
}

function spaces(count: number, budget: Budget): string {
  budget.spendText(Math.max(0, count))
  return ' '.repeat(Math.max(0, count))
}

function truncate(value: Value, given: Arguments, budget: Budget): Value {
  const [length = 255n, kills = false, end = '...', leeway = null] = bind('truncate', given, [
    'length?',
    'killwords?',
    'end?',
    'leeway?',
  ])
  const ending = wantText(end, 'the end of truncate')
  const most = wantInteger(length, 'the length of truncate')
  const more = leeway === null ? 5 : wantInteger(leeway, 'the leeway of truncate')
  if (most < lengthOf(ending) || more < 0) throw new JinjaError('truncate has no room for its end')
  const size = isText(value) ? lengthOf(plain(value)) : sizeOf(value)
  if (size !== null && size <= most + more) return value
  const text = wantText(value, 'what is truncated')
  if (typeof value !== 'string') notDone("'truncate' of a text that is marked safe")
  budget.spend(text.length)
  const points = pointsOf(text)
  const kept = points.slice(0, most - lengthOf(ending)).join('')
  const at = isTrue(kills!) ? -1 : kept.lastIndexOf(' ')
  return (at < 0 ? kept : kept.slice(0, at)) + ending
}

const WORD = /[\p{L}\p{N}_]+/gu

function toInteger(value: Value, given: Arguments): Value {
  const [otherwise = 0n, base = 10n] = bind('int', given, ['default?', 'base?'])
  if (value instanceof Undefined) value.fail()
  if (isInteger(value)) return BigInt(value)
  if (typeof value === 'number') {
    // Python's int refuses these outright, and the filter tries no more.
    if (!Number.isFinite(value)) {
      if (Number.isNaN(value)) return otherwise
      throw new JinjaError('a float is too large for a whole number')
    }
    return BigInt(Math.trunc(value))
  }
  if (!isText(value)) return otherwise
  const radix = wantInteger(base, 'the base of int')
  const text = trimmed(plain(value))
  if (radix !== 0 && (radix < 2 || radix > 36)) return fromFloat(text, otherwise)
  return parseInteger(text, radix) ?? fromFloat(text, otherwise)
}

function fromFloat(text: string, otherwise: Value): Value {
  const float = parseFloatText(text)
  return float === null || !Number.isFinite(float) ? otherwise : BigInt(Math.trunc(float))
}

/** Python reads the digits of all scripts. */
function trimmed(text: string): string {
  if (/[^\0-\x7f]/.test(text) && /\p{Nd}/u.test(text.replaceAll(/[\0-\x7f]/g, ''))) {
    notDone('Reading numbers of other scripts')
  }
  return stripStart(stripEnd(text, null), null)
}

function toFloat(value: Value, given: Arguments): Value {
  const [otherwise = 0] = bind('float', given, ['default?'])
  if (value instanceof Undefined) value.fail()
  if (isNumber(value)) return Number(value)
  return isText(value) ? (parseFloatText(trimmed(plain(value))) ?? otherwise) : otherwise
}

/** More digits than any float has. */
const PRECISION_MAX = 400

function round(value: Value, given: Arguments): Value {
  const [precision = 0n, method = 'common'] = bind('round', given, ['precision?', 'method?'])
  if (!isText(method) || !['common', 'ceil', 'floor'].includes(plain(method))) {
    throw new JinjaError("the method of round must be 'common', 'ceil' or 'floor'")
  }
  if (value instanceof Undefined) value.fail()
  if (!isNumber(value)) throw new JinjaError(`round takes a number, not a ${typeName(value)}`)
  if (precision === null && plain(method) === 'common') return notDone("'round' to no precision")
  const places = wantInteger(precision, 'the precision of round')
  if (Math.abs(places) > PRECISION_MAX) notDone('Rounding to so many digits')
  if (plain(method) === 'common') {
    return isInteger(value) ? roundedInteger(BigInt(value), places) : roundedFloat(value, places)
  }
  if (!Number.isFinite(Number(value))) throw new JinjaError('round takes a finite number')
  const unit = Number(`1e${places}`)
  const whole = plain(method) === 'ceil' ? Math.ceil : Math.floor
  return (whole(Number(value) * unit) + 0) / unit
}

function absolute(value: Value, given: Arguments): Value {
  bindPlain('abs', given, [])
  if (value instanceof Undefined) value.fail()
  if (isInteger(value)) return BigInt(value) < 0n ? -BigInt(value) : BigInt(value)
  if (typeof value === 'number') return Math.abs(value)
  throw new JinjaError(`abs takes a number, not a ${typeName(value)}`)
}

function format(value: Value, given: Arguments, budget: Budget): Value {
  const { list, named } = given
  if (list.length > 0 && named.size > 0) {
    throw new JinjaError('format takes arguments by place or by name, not both')
  }
  if (value instanceof SafeText) notDone("'format' of a text that is marked safe")
  return printf(textOf(value, budget), named.size > 0 ? Dict.of(named) : new Tuple(list), budget)
}

function tojson(value: Value, given: Arguments, budget: Budget): Value {
  const [isAscii = false, indent = null, separators = null, sortsKeys = false] = bind(
    'tojson',
    given,
    ['ensure_ascii?', 'indent?', 'separators?', 'sort_keys?'],
  )
  return jsonOf(
    value,
    {
      isAscii: isTrue(isAscii!),
      indent: indentOf(indent!, budget),
      separators: separatorsOf(separators!, indent === null),
      sortsKeys: isTrue(sortsKeys!),
    },
    budget,
  )
}

function indentOf(indent: Value, budget: Budget): string | null {
  if (indent === null) return null
  return isText(indent)
    ? plain(indent)
    : spaces(wantInteger(indent, 'the indent of tojson'), budget)
}

function separatorsOf(separators: Value, isOneLine: boolean): [string, string] {
  if (separators === null) return [isOneLine ? ', ' : ',', ': ']
  const items = separators instanceof Tuple ? separators.items : separators
  if (Array.isArray(items) && items.length === 2) {
    const [item, key] = items.map((text) => wantText(text, 'a separator of tojson'))
    return [item!, key!]
  }
  throw new JinjaError('the separators of tojson must be two texts')
}

/** Source: Python 3.11, urllib.parse.quote. */
function quotedUrl(value: Value, budget: Budget, isQuery: boolean): string {
  const text = textOf(value, budget)
  budget.spendText(text.length * 3)
  const kept = encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return isQuery ? kept.replaceAll('%20', '+') : kept.replaceAll('%2F', '/')
}

function urlencode(value: Value, given: Arguments, budget: Budget): Value {
  bind('urlencode', given, [])
  if (value instanceof Dict) {
    const pairs = Array.from(value.pairs(), (pair) =>
      pair.map((part) => quotedUrl(part, budget, true)).join('='),
    )
    return joined(pairs, '&', budget)
  }
  const isOne = isText(value) || isNumber(value) || value === null
  return isOne ? quotedUrl(value, budget, false) : notDone("'urlencode' of a list")
}

function escapeFilter(value: Value, given: Arguments, budget: Budget): Value {
  bindPlain('escape', given, [])
  return escaped(isText(value) ? value : textOf(value, budget))
}

const refused =
  (name: string): Filter =>
  () =>
    notDone(`The filter '${name}'`)

export const TEXT_FILTERS: readonly [name: string, filter: Filter][] = [
  ['abs', absolute],
  ['capitalize', onText('capitalize', capitalized)],
  ['center', center],
  ['escape', escapeFilter],
  ['e', escapeFilter],
  [
    'forceescape',
    (value, given, budget) => {
      bind('forceescape', given, [])
      return escaped(textOf(value, budget))
    },
  ],
  ['float', toFloat],
  ['format', format],
  ['indent', indent],
  ['int', toInteger],
  ['lower', onText('lower', (text) => text.toLowerCase())],
  ['replace', replace],
  ['round', round],
  [
    'safe',
    (value, given, budget) => {
      bind('safe', given, [])
      return new SafeText(textOf(value, budget))
    },
  ],
  [
    'string',
    (value, given, budget) => {
      bind('string', given, [])
      return isText(value) ? value : textOf(value, budget)
    },
  ],
  ['title', onText('title', title)],
  ['tojson', tojson],
  ['trim', trim],
  ['truncate', truncate],
  ['upper', onText('upper', (text) => text.toUpperCase())],
  ['urlencode', urlencode],
  ['wordcount', onText('wordcount', (text) => BigInt(text.match(WORD)?.length ?? 0))],
  ...['filesizeformat', 'pprint', 'random', 'striptags', 'urlize', 'wordwrap', 'xmlattr'].map(
    (name): [string, Filter] => [name, refused(name)],
  ),
]
