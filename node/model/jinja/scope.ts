/** Names and their values while a template runs. */
import type { Budget } from './budget.ts'
import { JinjaError } from './errors.ts'
import { iterate } from './iterate.ts'
import type { Body, Initial, Target } from './nodes.ts'
import { Namespace, Undefined, type Value } from './values.ts'

/** What runs a template. */
export interface Engine {
  budget: Budget
  /** What the template was given, Jinja2's own functions, and what is set outside of all loops. */
  context: Map<string, Value>
  /** What is written, by the innermost that catches it. */
  pieces: string[]
  /** What is written in the end. */
  readonly whole: string[]
  /**
   * Where in the whole a `generation` block wrote, from and to; null: one was caught by a macro or
   * a variable, and nobody knows where that is written.
   */
  spans: [from: number, to: number][] | null
  /** Where it is, for whoever has to mend it. */
  line: number
}

export interface Scope {
  /** Undefined: a name of this scope that nothing is set to yet. */
  own: Map<string, Value | undefined>
  around: Scope | null
}

/** What a scope costs, a turn of a loop or a call, beside what is done in it. */
const SCOPE_STEPS = 10

export function openScope(
  initial: readonly Initial[],
  around: Scope | null,
  engine: Engine,
): Scope {
  engine.budget.spend(SCOPE_STEPS)
  const own = new Map<string, Value | undefined>()
  for (const [name, from] of initial) {
    if (from === 'outer') own.set(name, find(name, around))
    else own.set(name, from === 'context' ? engine.context.get(name) : undefined)
  }
  return { own, around }
}

export const bodyScope = ({ initial }: Body, around: Scope, engine: Engine): Scope =>
  openScope(initial!, around, engine)

function find(name: string, from: Scope | null): Value | undefined {
  for (let scope = from; scope !== null; scope = scope.around) {
    if (scope.own.has(name)) return scope.own.get(name)
  }
  return undefined
}

export function read(name: string, scope: Scope): Value {
  const value = find(name, scope)
  return value === undefined ? new Undefined(`'${name}' is undefined`) : value
}

/** @throws JinjaError for a field of what is no namespace, or what does not come apart so */
export function assign(target: Target, value: Value, scope: Scope, engine: Engine): void {
  switch (target.type) {
    case 'name':
      scope.own.set(target.name, value)
      // What is set outside of all loops and macros is there in all of them.
      if (scope.around === null) engine.context.set(target.name, value)
      return
    case 'field':
      namespaceOf(target.name, scope).put(target.field, value)
      return
    case 'tuple': {
      const items = [...iterate(value, engine.budget)]
      if (items.length !== target.items.length) {
        throw new JinjaError(`${target.items.length} names are set to ${items.length} values`)
      }
      for (const [i, item] of items.entries()) assign(target.items[i]!, item, scope, engine)
    }
  }
}

/** Jinja2 looks before it computes the value. */
export function checkFields(target: Target, scope: Scope): void {
  if (target.type === 'field') namespaceOf(target.name, scope)
  if (target.type === 'tuple') for (const item of target.items) checkFields(item, scope)
}

function namespaceOf(name: string, scope: Scope): Namespace {
  const value = find(name, scope)
  if (value instanceof Namespace) return value
  throw new JinjaError(`'${name}' is no namespace, so it has no fields to set`)
}
