/**
 * A template's text as tokens: what is written as it is, and the words inside `{{ }}` and `{% %}`.
 * Comments are gone, and so is the white space that `-`, `trim_blocks` and `lstrip_blocks` take
 * away, which transformers switches on.
 * Source: Jinja2 3.1, lexer.py; "Whitespace Control" in its template documentation.
 */
import { JinjaError } from './errors.ts'
import { stringLiteral } from './literals.ts'
import { SPACE, stripEnd } from './unicode.ts'

export type TokenType =
  | 'data'
  | 'variable-begin'
  | 'variable-end'
  | 'block-begin'
  | 'block-end'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'end'

export interface Token {
  type: TokenType
  /** The text of an operator, name or number; what a string says. */
  text: string
  line: number
}

/** Longer ones are read by nobody, and take their time. */
export const SOURCE_LENGTH_MAX = 1024 * 1024

const BEGIN = new RegExp(
  `\\{%([-+]?)${SPACE}*raw${SPACE}*(?:-%\\}${SPACE}*|%\\})|\\{\\{([-+]?)|\\{#([-+]?)|\\{%([-+]?)`,
  'g',
)
const RAW_END = new RegExp(
  `\\{%([-+]?)${SPACE}*endraw${SPACE}*(?:\\+%\\}|-%\\}${SPACE}*|%\\}\\n?)`,
  'g',
)
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}${SPACE}*|#\\}\\n?`, 'g')
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}${SPACE}*|%\\}\\n?`, 'y')
const VARIABLE_END = new RegExp(`-\\}\\}${SPACE}*|\\}\\}`, 'y')

const DIGITS = '(?:\\d+_)*\\d+'
const WORDS: readonly [type: TokenType | 'space', pattern: RegExp][] = [
  ['space', new RegExp(`${SPACE}+`, 'y')],
  ['float', new RegExp(`(?<!\\.)${DIGITS}(?:(?:\\.${DIGITS})?e[+-]?${DIGITS}|\\.${DIGITS})`, 'iy')],
  ['integer', /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy],
  ['name', /[\p{L}\p{N}\p{M}_\u00b7]+/uy],
  ['string', /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y],
  ['operator', /\*\*|\/\/|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/y],
]
const IDENTIFIER = /^[\p{XIDS}_]\p{XIDC}*$/u
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** @throws JinjaError with the line */
export function tokensOf(given: string): Token[] {
  if (given.length > SOURCE_LENGTH_MAX) {
    throw new JinjaError(`it has more than ${SOURCE_LENGTH_MAX} letters`)
  }
  const source = given.replaceAll(/\r\n?/g, '\n').replace(/\n$/, '')
  const lexer: Lexer = { source, at: 0, line: 1, startsLine: true, tokens: [] }
  while (lexer.at < source.length) readData(lexer)
  push(lexer, 'end', '')
  return lexer.tokens
}

interface Lexer {
  source: string
  at: number
  line: number
  /** Whether what was read last ends with a line. */
  startsLine: boolean
  tokens: Token[]
}

function push({ tokens, line }: Lexer, type: TokenType, text: string): void {
  tokens.push({ type, text, line })
}

/** Goes on to `at`, counting lines. */
function advance(lexer: Lexer, at: number): void {
  for (let i = lexer.at; i < at; i++) if (lexer.source[i] === '\n') lexer.line += 1
  lexer.startsLine = lexer.source[at - 1] === '\n'
  lexer.at = at
}

/** What is written as it is, up to the next tag, and that tag. */
function readData(lexer: Lexer): void {
  const found = matchFrom(BEGIN, lexer)
  if (found === null) {
    push(lexer, 'data', lexer.source.slice(lexer.at))
    advance(lexer, lexer.source.length)
    return
  }
  const [tag, rawSign, variableSign, commentSign, blockSign] = found
  const text = lexer.source.slice(lexer.at, found.index)
  const sign = rawSign ?? variableSign ?? commentSign ?? blockSign!
  pushData(lexer, text, sign, variableSign === undefined)
  advance(lexer, found.index + tag.length)
  if (rawSign !== undefined) readRaw(lexer)
  else if (commentSign !== undefined) readComment(lexer)
  else readTag(lexer, variableSign === undefined)
}

function pushData(lexer: Lexer, text: string, sign: string, isBlock: boolean): void {
  const kept = keptOf(lexer, text, sign, isBlock)
  if (kept !== '') push(lexer, 'data', kept)
}

/** `-` takes all white space before a tag; a block takes what is before it on its line. */
function keptOf({ startsLine }: Lexer, text: string, sign: string, isBlock: boolean): string {
  if (sign === '-') return stripEnd(text, null)
  if (sign === '+' || !isBlock) return text
  const lineAt = text.lastIndexOf('\n') + 1
  if (lineAt === 0 && !startsLine) return text
  return stripEnd(text.slice(lineAt), null) === '' ? text.slice(0, lineAt) : text
}

function readRaw(lexer: Lexer): void {
  if (lexer.at === lexer.source.length) return
  const found = matchFrom(RAW_END, lexer)
  if (found === null) throw new JinjaError("it lacks the end of 'raw'", lexer.line)
  pushData(lexer, lexer.source.slice(lexer.at, found.index), found[1]!, true)
  advance(lexer, found.index + found[0].length)
}

function readComment(lexer: Lexer): void {
  if (lexer.at === lexer.source.length) return
  const found = matchFrom(COMMENT_END, lexer)
  if (found === null) throw new JinjaError('it lacks the end of a comment', lexer.line)
  advance(lexer, found.index + found[0].length)
}

function matchFrom(pattern: RegExp, { source, at }: Lexer): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(source)
}

function readTag(lexer: Lexer, isBlock: boolean): void {
  push(lexer, isBlock ? 'block-begin' : 'variable-begin', '')
  const end = isBlock ? BLOCK_END : VARIABLE_END
  const open: string[] = []
  for (;;) {
    const ended = open.length === 0 ? matchFrom(end, lexer) : null
    if (ended !== null) {
      push(lexer, isBlock ? 'block-end' : 'variable-end', '')
      advance(lexer, lexer.at + ended[0].length)
      return
    }
    if (lexer.at >= lexer.source.length) return
    readWord(lexer, open)
  }
}

function readWord(lexer: Lexer, open: string[]): void {
  for (const [type, pattern] of WORDS) {
    const found = matchFrom(pattern, lexer)
    if (found === null) continue
    const [text] = found
    if (type === 'operator') balance(lexer, text, open)
    if (type === 'name' && !IDENTIFIER.test(text)) {
      throw new JinjaError(`'${text}' is no name`, lexer.line)
    }
    if (type === 'string') push(lexer, type, stringLiteral(text.slice(1, -1), lexer.line))
    else if (type !== 'space') push(lexer, type, text)
    advance(lexer, lexer.at + text.length)
    return
  }
  const point = String.fromCodePoint(lexer.source.codePointAt(lexer.at)!)
  throw new JinjaError(`unexpected letter ${JSON.stringify(point)}`, lexer.line)
}

/** A tag ends only where all its brackets are closed, so that a dict may end with `}}`. */
function balance({ line }: Lexer, text: string, open: string[]): void {
  if (text in CLOSING) open.push(CLOSING[text]!)
  if (text !== ')' && text !== ']' && text !== '}') return
  const expected = open.pop()
  if (expected === text) return
  const wanted = expected === undefined ? '' : `, expected '${expected}'`
  throw new JinjaError(`unexpected '${text}'${wanted}`, line)
}
