/** What statements do: they write, and set names. */
import { JinjaError } from './errors.ts'
import { argumentsOf, callValue, evaluate } from './evaluate.ts'
import { iterate } from './iterate.ts'
import { countOf, Loop } from './loop.ts'
import type { Body, MacroBody, Statement } from './nodes.ts'
import { assign, bodyScope, checkFields, type Engine, openScope, type Scope } from './scope.ts'
import { type Arguments, Dict, isTrue, Thing, Tuple, Undefined, type Value } from './values.ts'
import { textOf } from './write-value.ts'

/** What ends a turn of a loop before its time. */
type Signal = 'break' | 'continue' | null

export function execute(statements: readonly Statement[], scope: Scope, engine: Engine): Signal {
  const { budget } = engine
  budget.enter()
  for (const statement of statements) {
    budget.spend(1)
    engine.line = statement.line
    const signal = executeOne(statement, scope, engine)
    if (signal === null) continue
    budget.leave()
    return signal
  }
  budget.leave()
  return null
}

function executeOne(statement: Statement, scope: Scope, engine: Engine): Signal {
  switch (statement.type) {
    case 'data':
      write(statement.text, engine)
      return null
    case 'output':
      write(textOf(evaluate(statement.value, scope, engine), engine.budget), engine)
      return null
    case 'if': {
      const found = statement.branches.find(([test]) => isTrue(evaluate(test, scope, engine)))
      const body = found === undefined ? statement.otherwise : found[1]
      return body === null ? null : execute(body.statements, scope, engine)
    }
    case 'for':
      return executeFor(statement, scope, engine)
    case 'set':
      checkFields(statement.target, scope)
      assign(statement.target, evaluate(statement.value, scope, engine), scope, engine)
      return null
    case 'set-block':
      return setBlock(statement, scope, engine)
    case 'filter':
      return filterBlock(statement, scope, engine)
    case 'with':
      return executeWith(statement, scope, engine)
    case 'macro': {
      const target = { type: 'name', name: statement.macro.name!, line: statement.line } as const
      assign(target, macroOf(statement.macro, scope, engine), scope, engine)
      return null
    }
    case 'call':
      write(textOf(callBlock(statement, scope, engine), engine.budget), engine)
      return null
    case 'generation':
      generation(statement, scope, engine)
      return null
    case 'break':
    case 'continue':
      return statement.type
  }
}

const NOTHING: Arguments = { list: [], named: new Map() }

/** What the assistant writes. Jinja2 takes it for a macro that is called where it stands. */
function generation({ macro }: Kind<'generation'>, scope: Scope, engine: Engine): void {
  const text = textOf(callValue(macroOf(macro, scope, engine), NOTHING), engine.budget)
  const from = engine.whole.reduce((length, piece) => length + piece.length, 0)
  if (engine.pieces !== engine.whole) engine.spans = null
  engine.spans?.push([from, from + text.length])
  write(text, engine)
}

function write(text: string, { budget, pieces }: Engine): void {
  budget.write(text.length)
  pieces.push(text)
}

/** What a body writes, apart from all else. */
function capture(body: Body, scope: Scope, engine: Engine): { text: string; signal: Signal } {
  const { pieces } = engine
  engine.pieces = []
  const signal = execute(body.statements, scope, engine)
  const text = engine.pieces.join('')
  engine.pieces = pieces
  return { text, signal }
}

type Kind<T extends Statement['type']> = Extract<Statement, { type: T }>

function setBlock(
  { target, filter, body }: Kind<'set-block'>,
  scope: Scope,
  engine: Engine,
): Signal {
  checkFields(target, scope)
  const inner = bodyScope(body, scope, engine)
  const { text, signal } = capture(body, inner, engine)
  if (signal !== null) return signal
  const value = filter === null ? text : evaluate(filter, inner, engine, text)
  assign(target, value, scope, engine)
  return null
}

function filterBlock({ filter, body }: Kind<'filter'>, scope: Scope, engine: Engine): Signal {
  const inner = bodyScope(body, scope, engine)
  const { text, signal } = capture(body, inner, engine)
  if (signal !== null) return signal
  write(textOf(evaluate(filter, inner, engine, text), engine.budget), engine)
  return null
}

function executeWith({ pairs, body }: Kind<'with'>, scope: Scope, engine: Engine): Signal {
  const inner = bodyScope(body, scope, engine)
  for (const [target, value] of pairs) {
    assign(target, evaluate(value, scope, engine), inner, engine)
  }
  return execute(body.statements, inner, engine)
}

function executeFor(loop: Kind<'for'>, scope: Scope, engine: Engine): Signal {
  const over = evaluate(loop.over, scope, engine)
  if (!loop.isRecursive) return runLoop(loop, over, { scope, engine, depth: 0 })
  write(recursive(loop, over, { scope, engine, depth: 0 }), engine)
  return null
}

interface Turn {
  scope: Scope
  engine: Engine
  depth: number
}

/** What a recursive loop writes, which is a text for whoever calls it. */
function recursive(loop: Kind<'for'>, over: Value, turn: Turn): string {
  const { engine } = turn
  const { pieces } = engine
  engine.pieces = []
  runLoop(loop, over, turn)
  const text = engine.pieces.join('')
  engine.pieces = pieces
  return text
}

function runLoop(loop: Kind<'for'>, over: Value, { scope, engine, depth }: Turn): Signal {
  const { target, body, otherwise, test } = loop
  const items = iterate(over, engine.budget)
  const state = new Loop({
    over: test === null ? items : chosen(loop, items, scope, engine),
    count: test === null ? countOf(over) : null,
    depth,
    recurse: loop.isRecursive
      ? (value) => recursive(loop, value, { scope, engine, depth: depth + 1 })
      : null,
  })
  let isEmpty = true
  for (let item = state.next(); item !== undefined; item = state.next()) {
    const inner = bodyScope(body, scope, engine)
    inner.own.set('loop', state.thing)
    assign(target, item, inner, engine)
    const signal = execute(body.statements, inner, engine)
    // Jinja2 takes a turn that does not end for none.
    if (signal === null) isEmpty = false
    if (signal === 'break') break
  }
  if (!isEmpty || otherwise === null) return null
  return execute(otherwise.statements, bodyScope(otherwise, scope, engine), engine)
}

function* chosen(
  { target, test }: Kind<'for'>,
  items: Iterable<Value>,
  scope: Scope,
  engine: Engine,
): Generator<Value> {
  for (const item of items) {
    const inner = openScope(test!.initial, scope, engine)
    assign(target, item, inner, engine)
    if (isTrue(evaluate(test!.value, inner, engine))) yield item
  }
}

function callBlock({ call, macro }: Kind<'call'>, scope: Scope, engine: Engine): Value {
  const callee = evaluate(call.callee, scope, engine)
  const { list, named } = argumentsOf(call.given, scope, engine)
  if (named.has('caller')) throw new JinjaError("a call gives 'caller' twice")
  const all = new Map(named).set('caller', macroOf(macro, scope, engine))
  return callValue(callee, { list, named: all })
}

function macroOf(macro: MacroBody, scope: Scope, engine: Engine): Thing {
  const { name, parameters } = macro
  return new Thing('Macro', {
    call: (given) => {
      const inner = macroScope(macro, given, scope, engine)
      return capture(macro.body, inner, engine).text
    },
    attribute: (attribute) => {
      if (attribute === 'name') return name ?? 'caller'
      return attribute === 'arguments' ? new Tuple(parameters) : undefined
    },
    text: () => (name === null ? '<Macro anonymous>' : `<Macro '${name}'>`),
  })
}

/** Source: Jinja2 3.1, runtime.py (`Macro.__call__`). */
function macroScope(macro: MacroBody, given: Arguments, around: Scope, engine: Engine): Scope {
  const { parameters, uses, body } = macro
  const scope = bodyScope(body, around, engine)
  const named = new Map(given.named)
  for (const [i, name] of parameters.entries()) {
    const isByPlace = i < given.list.length
    scope.own.set(name, isByPlace ? given.list[i] : named.get(name))
    if (!isByPlace) named.delete(name)
  }
  if (uses.caller) {
    const caller = named.get('caller') ?? null
    scope.own.set('caller', caller === null ? new Undefined('there is no caller') : caller)
    named.delete('caller')
  }
  if (uses.kwargs) scope.own.set('kwargs', Dict.of(named))
  else for (const name of named.keys()) refuse(macro, `takes no argument '${name}'`)
  const more = given.list.slice(parameters.length)
  if (uses.varargs) scope.own.set('varargs', new Tuple(more))
  else if (more.length > 0) refuse(macro, `takes at most ${parameters.length} arguments`)
  setDefaults(macro, scope, engine)
  return scope
}

/** A parameter that was not given has its default, which may use those before it. */
function setDefaults({ parameters, defaults }: MacroBody, scope: Scope, engine: Engine): void {
  const offset = parameters.length - defaults.length
  for (const [i, name] of parameters.entries()) {
    if (scope.own.get(name) !== undefined) continue
    const otherwise = defaults[i - offset]
    const nothing = new Undefined(`the parameter '${name}' was not given`)
    scope.own.set(name, otherwise === undefined ? nothing : evaluate(otherwise, scope, engine))
  }
}

function refuse({ name }: MacroBody, reason: string): never {
  throw new JinjaError(`the macro '${name ?? 'caller'}' ${reason}`)
}
