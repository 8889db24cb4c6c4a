/**
 * Which names a body has of its own.
 *
 * Jinja2 settles that before it runs anything: a name that a body sets, anywhere in it, is the
 * body's own from its beginning, and starts as what it was around it; a name that is only read is
 * looked for around the body, and at last among what the template was given. `if` shares the names
 * of what is around it. So a loop forgets at each turn what the turn before set.
 * Source: Jinja2 3.1, idtracking.py.
 */
import { JinjaError } from './errors.ts'
import { FILTERS, TESTS } from './library.ts'
import type { Body, Expression, Initial, MacroBody, Statement, Target } from './nodes.ts'
import {
  expressionsOf,
  namesSet,
  partsOf,
  someExpression,
  someStatement,
  targetNames,
} from './walk.ts'

type From = Initial[1] | 'parameter'

class Names {
  readonly around: Names | null
  own: Map<string, From>
  set: Set<string>

  constructor(around: Names | null, own = new Map<string, From>(), set = new Set<string>()) {
    this.around = around
    this.own = own
    this.set = set
  }

  knows(name: string): boolean {
    return this.own.has(name) || (this.around?.knows(name) ?? false)
  }

  read(name: string): void {
    if (!this.knows(name)) this.own.set(name, 'context')
  }

  assign(name: string): void {
    this.set.add(name)
    if (this.own.has(name)) return
    this.own.set(name, this.around?.knows(name) ? 'outer' : 'nothing')
  }

  declare(name: string): void {
    this.set.add(name)
    this.own.set(name, 'parameter')
  }

  /** What each of several ways through leaves; a name that not all set may be what it was. */
  branch(ways: readonly (() => void)[]): void {
    const [own, set] = [this.own, this.set]
    const counts = new Map<string, number>()
    const merged = { own: new Map(own), set: new Set(set) }
    for (const way of ways) {
      this.own = new Map(own)
      this.set = new Set(set)
      way()
      for (const [name, from] of this.own) merged.own.set(name, from)
      for (const name of this.set) {
        merged.set.add(name)
        if (!set.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
      }
    }
    this.own = merged.own
    this.set = merged.set
    for (const [name, count] of counts) {
      if (count === ways.length) continue
      this.own.set(name, this.around?.knows(name) ? 'outer' : 'context')
    }
  }

  initial(): Initial[] {
    const found: Initial[] = []
    for (const [name, from] of this.own) if (from !== 'parameter') found.push([name, from])
    return found
  }
}

/** Fills in what each body's names are at first. @throws JinjaError for what is not there */
export function resolveNames(template: Body): void {
  resolveBody(template, new Names(null))
}

/** First all of a body, then what is within it: an inner body knows names that are set later. */
function resolveBody(body: Body, names: Names): void {
  note(body.statements, names)
  body.initial = names.initial()
  resolveInner(body.statements, names, false)
}

/** The names that the statements themselves read and set, but not those within them. */
function note(statements: readonly Statement[], names: Names): void {
  for (const statement of statements) noteStatement(statement, names)
}

function noteStatement(statement: Statement, names: Names): void {
  switch (statement.type) {
    case 'output':
      noteExpression(statement.value, names)
      return
    case 'if':
      noteIf(statement, names)
      return
    case 'for':
      noteExpression(statement.over, names)
      return
    case 'set':
      noteExpression(statement.value, names)
      noteTarget(statement.target, names)
      return
    case 'set-block':
      noteTarget(statement.target, names)
      return
    case 'with':
      for (const [, value] of statement.pairs) noteExpression(value, names)
      return
    case 'macro':
      names.assign(statement.macro.name!)
      return
    case 'call':
      noteExpression(statement.call, names)
      return
    case 'filter':
      noteExpression(statement.filter, names)
  }
}

function noteIf({ branches, otherwise }: Extract<Statement, { type: 'if' }>, names: Names): void {
  const [[test, body], ...more] = branches as [(typeof branches)[0], ...typeof branches]
  noteExpression(test, names)
  names.branch([
    () => note(body.statements, names),
    () => {
      // Jinja2 takes each `elif` for an `if` of its own, and all of them for one way.
      for (const [test, body] of more) noteIf(singleIf(test, body), names)
    },
    () => note(otherwise?.statements ?? [], names),
  ])
}

const singleIf = (test: Expression, body: Body): Extract<Statement, { type: 'if' }> => ({
  type: 'if',
  branches: [[test, body]],
  otherwise: null,
  line: test.line,
})

function noteTarget(target: Target, names: Names): void {
  if (target.type === 'tuple') for (const item of target.items) noteTarget(item, names)
  else if (target.type === 'name') names.assign(target.name)
  else names.read(target.name)
}

function noteExpression(expression: Expression, names: Names): void {
  if (expression.type === 'name') names.read(expression.name)
  for (const part of partsOf(expression)) noteExpression(part, names)
}

/** @param isSoft a filter that nobody knows is an error only once it is asked for */
function resolveInner(statements: readonly Statement[], names: Names, isSoft: boolean): void {
  for (const statement of statements) {
    const { type } = statement
    const softens = type === 'if' || (isSoft && type !== 'filter' && type !== 'set-block')
    for (const expression of expressionsOf(statement)) checkNames(expression, softens)
    resolveStatement(statement, names)
  }
}

function resolveStatement(statement: Statement, names: Names): void {
  switch (statement.type) {
    case 'if':
      for (const [, body] of statement.branches) resolveInner(body.statements, names, true)
      resolveInner(statement.otherwise?.statements ?? [], names, true)
      return
    case 'for':
      resolveFor(statement, names)
      return
    case 'set-block':
    case 'filter': {
      const inner = new Names(names)
      resolveBody(statement.body, inner)
      if (statement.filter !== null) noteExpression(statement.filter, inner)
      statement.body.initial = inner.initial()
      return
    }
    case 'with': {
      const inner = new Names(names)
      for (const [target] of statement.pairs) declareTarget(target, inner)
      resolveBody(statement.body, inner)
      return
    }
    case 'macro':
    case 'call':
    case 'generation':
      resolveMacro(statement.macro, names, statement.line)
  }
}

function resolveFor(loop: Extract<Statement, { type: 'for' }>, names: Names): void {
  const { target, test, body, otherwise, line } = loop
  const setsLoop = (one: Statement) => namesSet(one).includes('loop')
  if (setsLoop(loop) || [body, otherwise].some((part) => part && someStatement(part, setsLoop))) {
    throw new JinjaError("a loop sets 'loop', which tells about the loop", line)
  }
  const inner = new Names(names)
  inner.declare('loop')
  declareTarget(target, inner)
  resolveBody(body, inner)
  if (otherwise !== null) resolveBody(otherwise, new Names(names))
  if (test !== null) {
    const tested = new Names(names)
    declareTarget(target, tested)
    noteExpression(test.value, tested)
    test.initial = tested.initial()
  }
}

function resolveMacro(macro: MacroBody, names: Names, line: number): void {
  const { parameters, defaults, body, uses } = macro
  const inner = new Names(names)
  for (const name of parameters) inner.declare(name)
  for (const value of defaults) noteExpression(value, inner)
  for (const name of ['caller', 'kwargs', 'varargs'] as const) {
    if (!someStatement(body, (one) => reads(one, name))) continue
    const at = parameters.indexOf(name)
    if (at < 0) {
      uses[name] = true
      inner.declare(name)
    } else if (name === 'caller' && at < parameters.length - defaults.length) {
      throw new JinjaError("a macro has the parameter 'caller' without a default", line)
    }
  }
  resolveBody(body, inner)
}

function reads(statement: Statement, name: string): boolean {
  const isName = (part: Expression) => part.type === 'name' && part.name === name
  return expressionsOf(statement).some((expression) => someExpression(expression, isName))
}

function declareTarget(target: Target, names: Names): void {
  for (const name of targetNames(target)) names.declare(name)
}

/** @throws JinjaError for a filter or test that is not there */
function checkNames(expression: Expression, isSoft: boolean): void {
  const { type, line } = expression
  if (!isSoft && type === 'filter' && !FILTERS.has(expression.name)) {
    throw new JinjaError(`there is no filter '${expression.name}'`, line)
  }
  if (!isSoft && type === 'test' && !TESTS.has(expression.name)) {
    throw new JinjaError(`there is no test '${expression.name}'`, line)
  }
  for (const part of partsOf(expression)) checkNames(part, isSoft || type === 'condition')
}
