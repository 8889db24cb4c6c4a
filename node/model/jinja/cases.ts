/**
 * Large and small letters, and what a text consists of. JavaScript knows no title case; the few
 * letters of which it is not the upper case are refused.
 * Source: Python 3.11, "String Methods"; Unicode Character Database.
 */
import { notDone } from './errors.ts'
import { SPACE } from './unicode.ts'

/** Digraphs have a title case of their own, Georgian letters are it. */
const OWN_TITLE = /[\u01c4-\u01cc\u01f1-\u01f3\u10d0-\u10ff]/

function titleOf(point: string): string {
  const upper = point.toUpperCase()
  const isOne = upper.length === point.length && [...upper].length <= 1
  return isOne && !OWN_TITLE.test(point) ? upper : notDone(`The title case of '${point}'`)
}

/** The small letters of a text as a whole, since a sigma at the end of a word is another. */
export function capitalized(text: string): string {
  const [first = ''] = text
  return titleOf(first) + text.toLowerCase().slice(first.toLowerCase().length)
}

const CASED = /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u
const LARGE = /\p{Uppercase}/u
const SMALL = /\p{Lowercase}/u

/** Each letter by `change`, which gets its small form and whether a letter is before it. */
function changed(
  text: string,
  change: (point: string, small: string, isInWord: boolean) => string,
): string {
  const lower = text.toLowerCase()
  let written = ''
  let isInWord = false
  let at = 0
  for (const point of text) {
    const { length } = point.toLowerCase()
    written += change(point, lower.slice(at, at + length), isInWord)
    isInWord = CASED.test(point)
    at += length
  }
  return written
}

export const titled = (text: string): string =>
  changed(text, (point, small, isInWord) => (isInWord ? small : titleOf(point)))

export const swapped = (text: string): string =>
  changed(text, (point, small) => {
    if (LARGE.test(point)) return small
    return SMALL.test(point) ? point.toUpperCase() : point
  })

const every = (letters: string) => {
  const whole = new RegExp(`^[${letters}]+$`, 'u')
  return (text: string) => whole.test(text)
}

/** Python has lists of what else counts, such as Chinese numerals. */
const everyNumber = (letters: string, doubtful: RegExp) => {
  const holds = every(letters)
  return (text: string) =>
    doubtful.test(text) ? notDone('Asking if unusual letters are numbers') : holds(text)
}

/** Some cased letters, all of them of one kind. */
const allCased = (others: RegExp) => (text: string) => CASED.test(text) && !others.test(text)

function isTitled(text: string): boolean {
  let isInWord = false
  let isAny = false
  for (const point of text) {
    const isSmall = SMALL.test(point)
    const isLarge = !isSmall && CASED.test(point)
    if ((isLarge && isInWord) || (isSmall && !isInWord)) return false
    isInWord = isLarge || isSmall
    isAny ||= isInWord
  }
  return isAny
}

/** Whether all of a text is such. */
export const CASES: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['isalpha', every('\\p{L}')],
  ['isalnum', every('\\p{L}\\p{N}')],
  ['isdecimal', every('\\p{Nd}')],
  ['isdigit', everyNumber('\\p{Nd}', /[\p{No}\u19da]/u)],
  ['isnumeric', everyNumber('\\p{N}', /\p{Lo}/u)],
  ['isspace', every(SPACE.slice(1, -1))],
  ['isascii', (text: string) => !/[^\0-\x7f]/.test(text)],
  ['isprintable', (text: string) => !/[\p{C}\p{Z}]/u.test(text.replaceAll(' ', ''))],
  ['islower', allCased(/[\p{Uppercase}\p{Lt}]/u)],
  ['isupper', allCased(/[\p{Lowercase}\p{Lt}]/u)],
  ['istitle', isTitled],
])
