/**
 * What is wrong with the shape of a file, as whoever wrote it can mend it. The checker's own words
 * ("Invalid input: expected string, received undefined") are made for programmers.
 */
import type { z } from 'zod'
import { shown } from './shown.ts'

type RawIssue = z.core.$ZodRawIssue
type RawIssueOf<C extends RawIssue['code']> = Extract<RawIssue, { code: C }>

/** Given to `safeParse`, it puts every fault into words but those that a schema words itself. */
export const IN_WORDS: z.core.ParseContext<z.core.$ZodIssue> = {
  error: ruleOf,
  reportInput: true,
}

const FAULTS_MAX = 5

/** The faults in one line, each with its place: `'a.b' must be text: current value is 3`. */
export function shapeFaults({ issues }: { issues: readonly z.core.$ZodIssue[] }): string {
  const told = issues.filter((issue) => isToBeTold(issue, issues))
  const faults = told.slice(0, FAULTS_MAX).map((issue) => {
    const place = issue.path.length === 0 ? 'it' : `'${issue.path.map(String).join('.')}'`
    return `${place} ${issue.message}${currentOf(issue)}`
  })
  if (told.length > FAULTS_MAX) faults.push(`and ${told.length - FAULTS_MAX} more`)
  return faults.join('; ')
}

/** False for a bound on items that is told of the characters of a text in their place. */
export function isToBeTold(issue: z.core.$ZodIssue, all: readonly z.core.$ZodIssue[]): boolean {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return true
  const place = issue.path.join('.')
  return !all.some(({ code, path }) => code === 'invalid_type' && path.join('.') === place)
}

/** What stands there instead; empty where nothing does, or too much. */
export function currentOf({ code, input }: z.core.$ZodIssue): string {
  if (input === undefined || code === 'unrecognized_keys') return ''
  // A rule about several values is about what holds them.
  if (code === 'custom' && typeof input === 'object') return ''
  if (input === null) return ': it has no value'
  return `: current value is ${typeof input === 'number' ? input : shown(input)}`
}

/** The end of a sentence that begins with the name of the value. */
function ruleOf(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${typeWords(issue.expected)}`
    case 'invalid_value':
      return `must be ${listed(issue.values)}`
    case 'too_small':
      return bounded(issue, Number(issue.minimum), issue.inclusive === false ? 'above' : 'at least')
    case 'too_big':
      return bounded(issue, Number(issue.maximum), issue.inclusive === false ? 'below' : 'at most')
    case 'invalid_format':
      return `must be of the form ${issue.pattern ?? issue.format}`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'unrecognized_keys':
      return `must not have ${listed(issue.keys)}`
    case 'invalid_union':
      return unionRule(issue)
    case 'invalid_key':
      return `has an entry whose key ${rulesIn(issue.issues)}`
    case 'invalid_element':
      return `has an entry whose value ${rulesIn(issue.issues)}`
    default:
      return 'is not as it must be'
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'keys with values',
  record: 'keys with values',
  null: 'null',
  never: 'left out',
}

const typeWords = (type: string): string => TYPES[type] ?? `of type ${type}`

/** 'a', 'b' or 3 */
function listed(values: readonly unknown[]): string {
  const words = values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  const last = words.pop() ?? 'left out'
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`
}

/** What a size counts; a number has none. */
const UNITS: Readonly<Record<string, string>> = { string: 'character', array: 'item', set: 'item' }

function bounded(
  { origin, exact }: RawIssueOf<'too_small' | 'too_big'>,
  bound: number,
  relation: string,
): string {
  const unit = UNITS[origin]
  if (unit === undefined) return `must be ${relation} ${bound}`
  if (bound === 1 && relation === 'at least') return 'must not be empty'
  const count = `${bound} ${unit}${bound === 1 ? '' : 's'}`
  return `must have ${exact === true ? '' : `${relation} `}${count}`
}

/** A union told apart by a field has no branch to speak of where that field is wrong. */
function unionRule(issue: RawIssueOf<'invalid_union'>): string {
  const rules = new Set(issue.errors.map(rulesIn))
  if (rules.size > 0) return [...rules].join(', or ')
  const { discriminator, options = [] } = issue as { discriminator?: string; options?: unknown[] }
  const which = discriminator === undefined ? 'it' : `'${discriminator}'`
  return options.length > 0
    ? `must be one whose ${which} is ${listed(options)}`
    : `must have a ${which} that is known`
}

/** What is wrong within a value, in each branch that it could have been. */
const rulesIn = (issues: readonly z.core.$ZodIssue[]): string =>
  issues
    .slice(0, 2)
    .map(({ path, message }) =>
      path.length === 0 ? message : `'${path.map(String).join('.')}' ${message}`,
    )
    .join(' and ')
