/**
 * What a string in a template's code says.
 * Source: Python 3.11, "String and Bytes literals", by the codec `unicode_escape`, as Jinja2 does.
 */
import { JinjaError, notDone } from './errors.ts'

const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}
const DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
const ESCAPE = /\\([0-7]{1,3}|[xuU][0-9a-fA-F]{0,8}|[\s\S])/gu

/** @throws JinjaError with the line */
export function stringLiteral(text: string, line: number): string {
  return text.replaceAll(ESCAPE, (_, written: string) => {
    const kind = written[0]!
    if (/[0-7]/.test(kind)) return letterOf(Number.parseInt(written, 8), written, line)
    if (kind in DIGITS) return codeEscape(written, line)
    if (kind === 'N') return notDone('A letter by its name')
    // Python keeps the backslash of an escape that it does not know.
    return SIMPLE[written] ?? `\\${spelledOut(written)}`
  })
}

function codeEscape(written: string, line: number): string {
  const count = DIGITS[written[0]!]!
  const digits = written.slice(1, 1 + count)
  if (digits.length < count) {
    throw new JinjaError(`a string has the broken escape '\\${written}'`, line)
  }
  return letterOf(Number.parseInt(digits, 16), written, line) + written.slice(1 + count)
}

function letterOf(code: number, written: string, line: number): string {
  const isSurrogate = code >= 0xd800 && code <= 0xdfff
  // Half a letter can be no token.
  if (code <= 0x10ffff && !isSurrogate) return String.fromCodePoint(code)
  throw new JinjaError(`a string has the escape '\\${written}', which is no letter`, line)
}

/**
 * Jinja2 spells letters beyond ASCII out before it looks for escapes, so that a backslash before
 * one takes the backslash of its spelling.
 */
function spelledOut(point: string): string {
  const code = point.codePointAt(0)!
  if (code < 0x80) return point
  const hex = code.toString(16)
  if (code <= 0xff) return `x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `u${hex.padStart(4, '0')}` : `U${hex.padStart(8, '0')}`
}
