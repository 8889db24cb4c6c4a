/**
 * Methods of texts.
 * Source: Python 3.11, "String Methods".
 */

import { bind, bindPlain, wantInteger, wantText } from './bind.ts'
import type { Budget } from './budget.ts'
import { CASES, capitalized, swapped, titled } from './cases.ts'
import { JinjaError, notDone } from './errors.ts'
import { formatText } from './format-text.ts'
import { iterate } from './iterate.ts'
import {
  lengthOf,
  pointsOf,
  splitLines,
  splitSpaces,
  splitSpacesFromEnd,
  stripEnd,
  stripStart,
} from './unicode.ts'
import { type Arguments, isText, isTrue, plain, Tuple, typeName, type Value } from './values.ts'

type Method = (text: string, given: Arguments, budget: Budget) => Value

/** A method without arguments. */
const simple =
  (name: string, make: (text: string) => Value): Method =>
  (text, given, budget) => {
    bindPlain(name, given, [])
    budget.spendText(text.length)
    return make(text)
  }

const strip =
  (name: string, make: (text: string, letters: string | null) => string): Method =>
  (text, given, budget) => {
    const [letters = null] = bindPlain(name, given, ['chars?'])
    budget.spendText(text.length)
    return make(text, letters === null ? null : wantText(letters, `what ${name} takes away`))
  }

const pad =
  (name: string, place: (space: number, width: number) => number): Method =>
  (text, given, budget) => {
    const [width, fill = ' '] = bindPlain(name, given, ['width', 'fillchar?'])
    const letter = wantText(fill, `what ${name} fills with`)
    if (lengthOf(letter) !== 1) throw new JinjaError(`${name} fills with one letter`)
    const wanted = wantInteger(width, `the width of ${name}`)
    const space = wanted - lengthOf(text)
    if (space <= 0) return text
    budget.spendText(text.length + space)
    const before = place(space, wanted)
    return letter.repeat(before) + text + letter.repeat(space - before)
  }

/** Python puts the odd space to the left where the width is odd, too. */
const middle = (space: number, width: number) => Math.floor(space / 2) + (space & width & 1)

/** -1, or where `part` is between two places, as points. */
const find =
  (name: string, isLast: boolean, isNeeded: boolean): Method =>
  (text, given, budget) => {
    const [part, from, to] = bindPlain(name, given, ['sub', 'start?', 'end?'])
    budget.spendText(text.length)
    const { points, start, stop } = window(text, from, to)
    const sought = wantText(part, `what ${name} looks for`)
    const inside = points.slice(start, stop).join('')
    const at =
      start > points.length ? -1 : isLast ? inside.lastIndexOf(sought) : inside.indexOf(sought)
    if (at < 0 && isNeeded) throw new JinjaError(`${name} finds no such text`)
    return at < 0 ? -1n : BigInt(start + lengthOf(inside.slice(0, at)))
  }

function window(text: string, from: Value | undefined, to: Value | undefined) {
  const points = pointsOf(text)
  const bound = (value: Value | undefined, otherwise: number) => {
    if (value === undefined || value === null) return otherwise
    const place = wantInteger(value, 'a place in a text')
    return place < 0 ? Math.max(0, place + points.length) : place
  }
  return { points, start: bound(from, 0), stop: Math.min(bound(to, points.length), points.length) }
}

const affix =
  (name: string, holds: (text: string, part: string) => boolean): Method =>
  (text, given, budget) => {
    const [parts, from, to] = bindPlain(name, given, ['prefix', 'start?', 'end?'])
    budget.spendText(text.length)
    const { points, start, stop } = window(text, from, to)
    const inside = points.slice(start, stop).join('')
    const any = parts instanceof Tuple ? parts.items : [parts!]
    const isOutside = start > points.length || start > stop
    return any.some((part) => {
      const sought = wantText(part, `what ${name} looks for`)
      return !isOutside && holds(inside, sought)
    })
  }

const removeAffix =
  (name: string, remove: (text: string, part: string) => string): Method =>
  (text, given) => {
    const [part] = bindPlain(name, given, ['prefix'])
    return remove(text, wantText(part, `what ${name} takes away`))
  }

const split =
  (name: string, isFromEnd: boolean): Method =>
  (text, given, budget) => {
    const [separator = null, most = -1n] = bind(name, given, ['sep?', 'maxsplit?'])
    const mostCuts = wantInteger(most, `the most cuts of ${name}`)
    const cutsMax = mostCuts < 0 ? Infinity : mostCuts
    budget.spend(text.length)
    if (separator === null) {
      return isFromEnd ? splitSpacesFromEnd(text, cutsMax) : splitSpaces(text, cutsMax)
    }
    const between = wantText(separator, `what ${name} cuts at`)
    if (between === '') throw new JinjaError(`${name} cuts at an empty text`)
    const parts = text.split(between)
    if (parts.length - 1 <= cutsMax) return parts
    return isFromEnd
      ? [
          parts.slice(0, parts.length - cutsMax).join(between),
          ...parts.slice(parts.length - cutsMax),
        ]
      : [...parts.slice(0, cutsMax), parts.slice(cutsMax).join(between)]
  }

const partition =
  (name: string, isLast: boolean): Method =>
  (text, given, budget) => {
    const [separator] = bindPlain(name, given, ['sep'])
    const between = wantText(separator, `what ${name} cuts at`)
    if (between === '') throw new JinjaError(`${name} cuts at an empty text`)
    budget.spendText(text.length)
    const at = isLast ? text.lastIndexOf(between) : text.indexOf(between)
    if (at < 0) return new Tuple(isLast ? ['', '', text] : [text, '', ''])
    return new Tuple([text.slice(0, at), between, text.slice(at + between.length)])
  }

function replace(text: string, given: Arguments, budget: Budget): Value {
  const [old, by, count = -1n] = bindPlain('replace', given, ['old', 'new', 'count?'])
  const most = wantInteger(count, 'the count of replace')
  const sought = wantText(old, 'what replace looks for')
  return replaced(text, { old: sought, by: wantText(by, 'what replace writes'), most }, budget)
}

/** Replaces at most so many, from the left; all where `most` is negative. */
export function replaced(
  text: string,
  { old, by, most }: { old: string; by: string; most: number },
  budget: Budget,
): string {
  budget.spendText(text.length)
  const parts = old === '' ? ['', ...pointsOf(text), ''] : text.split(old)
  const count = Math.min(most < 0 ? Infinity : most, parts.length - 1)
  budget.spendText(text.length + count * by.length)
  const rest = parts.slice(count).join(old)
  return (
    parts
      .slice(0, count)
      .map((part) => part + by)
      .join('') + rest
  )
}

function join(text: string, given: Arguments, budget: Budget): Value {
  const [items] = bindPlain('join', given, ['iterable'])
  const parts = Array.from(iterate(items!, budget), (item) => {
    if (isText(item)) return plain(item)
    throw new JinjaError(`join takes texts only, not a ${typeName(item)}`)
  })
  return joined(parts, text, budget)
}

export function joined(parts: readonly string[], between: string, budget: Budget): string {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  budget.spendText(length + parts.length * between.length)
  return parts.join(between)
}

function expandTabs(text: string, given: Arguments, budget: Budget): Value {
  const [size = 8n] = bind('expandtabs', given, ['tabsize?'])
  const width = wantInteger(size, 'the size of a tab')
  let column = 0
  let written = ''
  for (const point of text) {
    const length = point === '\t' ? (width > 0 ? width - (column % width) : 0) : 1
    budget.spendText(length)
    written += point === '\t' ? ' '.repeat(length) : point
    column = point === '\n' || point === '\r' ? 0 : column + length
  }
  return written
}

function zeroFill(text: string, given: Arguments, budget: Budget): Value {
  const [width] = bindPlain('zfill', given, ['width'])
  const space = wantInteger(width, 'the width of zfill') - lengthOf(text)
  if (space <= 0) return text
  budget.spendText(text.length + space)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  return sign + '0'.repeat(space) + text.slice(sign.length)
}

function lines(text: string, given: Arguments, budget: Budget): Value {
  const [keepsEnds = false] = bind('splitlines', given, ['keepends?'])
  budget.spend(text.length)
  return splitLines(text, isTrue(keepsEnds))
}

function count(text: string, given: Arguments, budget: Budget): Value {
  const [part, from, to] = bindPlain('count', given, ['sub', 'start?', 'end?'])
  budget.spendText(text.length)
  const { points, start, stop } = window(text, from, to)
  const sought = wantText(part, 'what count looks for')
  const inside = points.slice(start, stop)
  if (start > points.length || start > stop) return 0n
  if (sought === '') return BigInt(inside.length + 1)
  return BigInt(inside.join('').split(sought).length - 1)
}

const withoutEnd = (text: string, end: string) =>
  end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text

const refused =
  (name: string): Method =>
  () =>
    notDone(`'${name}' of a text`)

export const TEXT_METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['strip', strip('strip', (text, letters) => stripStart(stripEnd(text, letters), letters))],
  ['lstrip', strip('lstrip', stripStart)],
  ['rstrip', strip('rstrip', stripEnd)],
  ['ljust', pad('ljust', () => 0)],
  ['rjust', pad('rjust', (space) => space)],
  ['center', pad('center', middle)],
  ['zfill', zeroFill],
  ['expandtabs', expandTabs],
  ['find', find('find', false, false)],
  ['rfind', find('rfind', true, false)],
  ['index', find('index', false, true)],
  ['rindex', find('rindex', true, true)],
  ['count', count],
  ['startswith', affix('startswith', (text, part) => text.startsWith(part))],
  ['endswith', affix('endswith', (text, part) => text.endsWith(part))],
  [
    'removeprefix',
    removeAffix('removeprefix', (text, part) =>
      text.startsWith(part) ? text.slice(part.length) : text,
    ),
  ],
  ['removesuffix', removeAffix('removesuffix', withoutEnd)],
  ['split', split('split', false)],
  ['rsplit', split('rsplit', true)],
  ['splitlines', lines],
  ['partition', partition('partition', false)],
  ['rpartition', partition('rpartition', true)],
  ['replace', replace],
  ['join', join],
  ['format', (text, given, budget) => formatText(text, given, budget)],
  ['format_map', refused('format_map')],
  ['lower', simple('lower', (text) => text.toLowerCase())],
  ['upper', simple('upper', (text) => text.toUpperCase())],
  ['capitalize', simple('capitalize', capitalized)],
  ['title', simple('title', titled)],
  ['swapcase', simple('swapcase', swapped)],
  ...[...CASES].map(([name, holds]): [string, Method] => [name, simple(name, holds)]),
  ...['casefold', 'encode', 'maketrans', 'translate', 'isidentifier'].map(
    (name): [string, Method] => [name, refused(name)],
  ),
])
