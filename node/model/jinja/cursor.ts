/** Where a parser is in its tokens. */
import { JinjaError } from './errors.ts'
import type { Token, TokenType } from './lexer.ts'

/** Brackets, blocks and conditions within each other: more would overflow the stack. */
const NESTING_MAX = 100

export class Cursor {
  private readonly tokens: readonly Token[]
  private at = 0
  private nesting = 0
  /** Loops that a `break` may end, from the innermost macro on. */
  loops = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  get token(): Token {
    return this.tokens[this.at]!
  }

  get next(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)]!
  }

  is(type: TokenType, text?: string): boolean {
    const { token } = this
    return token.type === type && (text === undefined || token.text === text)
  }

  isOperator(...texts: string[]): boolean {
    return this.token.type === 'operator' && texts.includes(this.token.text)
  }

  take(): Token {
    const { token } = this
    if (token.type !== 'end') this.at += 1
    return token
  }

  /** Whether it was there. */
  skip(type: TokenType, text?: string): boolean {
    if (!this.is(type, text)) return false
    this.take()
    return true
  }

  expect(type: TokenType, text?: string): Token {
    if (this.is(type, text)) return this.take()
    this.fail(`expected ${text === undefined ? nameOf(type) : `'${text}'`}, found ${this.found}`)
  }

  fail(reason: string): never {
    throw new JinjaError(reason, this.token.line)
  }

  get found(): string {
    const { type, text } = this.token
    return text === '' || type === 'data' ? nameOf(type) : `'${text}'`
  }

  within<T>(parse: () => T): T {
    this.nesting += 1
    if (this.nesting > NESTING_MAX) this.fail(`more than ${NESTING_MAX} parts within each other`)
    const parsed = parse()
    this.nesting -= 1
    return parsed
  }
}

const NAMES: Partial<Record<TokenType, string>> = {
  'variable-begin': "'{{'",
  'variable-end': "'}}'",
  'block-begin': "'{%'",
  'block-end': "'%}'",
  data: 'text',
  end: 'the end of the template',
}
const nameOf = (type: TokenType): string => NAMES[type] ?? `a ${type}`
