/** What a call gives, by the parameters of what is called. */
import { JinjaError } from './errors.ts'
import {
  type Arguments,
  isInteger,
  isText,
  plain,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/**
 * The values for parameters in their order, undefined where there is none. A `?` after a name: it
 * may be left out.
 * @throws JinjaError for what is too much, or missing
 */
export function bind(
  name: string,
  { list, named }: Arguments,
  parameters: readonly string[],
): (Value | undefined)[] {
  const names = parameters.map((parameter) => parameter.replace('?', ''))
  if (list.length > names.length) {
    throw new JinjaError(`${name} takes at most ${names.length} arguments, not ${list.length}`)
  }
  const values: (Value | undefined)[] = names.map((_, i) => list[i])
  for (const [key, value] of named) {
    const at = names.indexOf(key)
    if (at < 0) throw new JinjaError(`${name} takes no argument '${key}'`)
    if (at < list.length) throw new JinjaError(`${name} gets its argument '${key}' twice`)
    values[at] = value
  }
  for (const [i, parameter] of parameters.entries()) {
    if (values[i] !== undefined || parameter.endsWith('?')) continue
    throw new JinjaError(`${name} lacks its argument '${parameter}'`)
  }
  return values
}

/** Binds the arguments of what Python wrote in C, which takes none by name. */
export function bindPlain(
  name: string,
  given: Arguments,
  parameters: readonly string[],
): (Value | undefined)[] {
  if (given.named.size > 0) throw new JinjaError(`${name} takes no arguments by name`)
  return bind(name, given, parameters)
}

export function wantText(value: Value | undefined, what: string): string {
  if (value !== undefined && isText(value)) return plain(value)
  return wrong(value, what, 'a text')
}

/** Whole numbers in a template are sizes and places: larger ones than these are none. */
const COUNT_MAX = Number.MAX_SAFE_INTEGER

export function wantInteger(value: Value | undefined, what: string): number {
  if (value === undefined || !isInteger(value)) return wrong(value, what, 'a whole number')
  const number = Number(value)
  if (Math.abs(number) <= COUNT_MAX) return number
  throw new JinjaError(`${what} must be at most ${COUNT_MAX} in size`)
}

function wrong(value: Value | undefined, what: string, expected: string): never {
  if (value instanceof Undefined) value.fail()
  const found = value === undefined ? 'nothing' : `a ${typeName(value)}`
  throw new JinjaError(`${what} must be ${expected}, not ${found}`)
}
