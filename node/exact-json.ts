/**
 * JSON as Python reads it, as far as a template can tell: `1.0` is a float, and is written as one,
 * while JSON.parse makes the same of it as of `1`.
 */

/** A float without a fraction. */
export class WholeFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }

  toJSON(): number {
    return this.value
  }
}

/** Whether a number may be one; it costs little to be wrong, and most texts have none. */
const MAY_BE = /\d(\.0|[eE][-+\d])/

/** @throws SyntaxError as JSON.parse does */
export function parseExactly(text: string): unknown {
  return MAY_BE.test(text) ? JSON.parse(text, revive as Reviver) : JSON.parse(text)
}

type Reviver = (this: unknown, key: string, value: unknown) => unknown

/** The compiler does not know yet that a reviver is given the text of a number. */
function revive(_key: string, value: unknown, { source }: { source?: string }): unknown {
  const isFloat = Number.isInteger(value) && source !== undefined && /[.eE]/.test(source)
  return isFloat ? new WholeFloat(value as number) : value
}

/** The number, where it is one. */
export const plainNumber = (value: unknown): unknown =>
  value instanceof WholeFloat ? value.value : value
