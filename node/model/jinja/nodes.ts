/** What a template consists of. Names of Jinja2's own nodes are in its nodes.py. */
import type { Value } from './values.ts'

export type Expression = { line: number } & (
  | { type: 'constant'; value: Value }
  | { type: 'name'; name: string }
  | { type: 'tuple' | 'list'; items: Expression[] }
  | { type: 'dict'; pairs: [key: Expression, value: Expression][] }
  | { type: 'attribute'; of: Expression; name: string }
  | { type: 'item'; of: Expression; key: Expression }
  | { type: 'slice'; parts: (Expression | null)[] }
  | { type: 'call'; callee: Expression; given: Given }
  /** `of` is null for what a block holds. */
  | { type: 'filter'; of: Expression | null; name: string; given: Given }
  | { type: 'test'; of: Expression; name: string; given: Given }
  | { type: 'unary'; operator: '-' | '+' | 'not'; of: Expression }
  | { type: 'binary'; operator: BinaryOperator; left: Expression; right: Expression }
  | { type: 'logic'; operator: 'and' | 'or'; left: Expression; right: Expression }
  | { type: 'concat'; parts: Expression[] }
  | { type: 'compare'; first: Expression; rest: [operator: Comparison, to: Expression][] }
  | { type: 'condition'; test: Expression; whenTrue: Expression; otherwise: Expression | null }
)

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**'
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in'

/** What a call, filter or test is given. */
export interface Given {
  list: Expression[]
  named: [name: string, value: Expression][]
  /** `*more` and `**more`. */
  moreList: Expression | null
  moreNamed: Expression | null
}

export type Target = { line: number } & (
  | { type: 'name'; name: string }
  | { type: 'field'; name: string; field: string }
  | { type: 'tuple'; items: Target[] }
)

export interface Signature {
  parameters: string[]
  /** Those of the last parameters. */
  defaults: Expression[]
}

/** Names that a body has of its own, and what each is before the body says so. */
export type Initial = readonly [name: string, from: 'outer' | 'context' | 'nothing']

export interface Body {
  statements: Statement[]
  /** Filled in by scopes.ts; null: the body shares the names of what is around it. */
  initial: Initial[] | null
}

export interface MacroBody extends Signature {
  /** Null: of a call. */
  name: string | null
  body: Body
  /** Which of these its body asks for. */
  uses: { caller: boolean; kwargs: boolean; varargs: boolean }
}

export type Statement = { line: number } & (
  | { type: 'data'; text: string }
  | { type: 'output'; value: Expression }
  | { type: 'if'; branches: [test: Expression, body: Body][]; otherwise: Body | null }
  | {
      type: 'for'
      target: Target
      over: Expression
      test: { value: Expression; initial: Initial[] } | null
      isRecursive: boolean
      body: Body
      otherwise: Body | null
    }
  | { type: 'set'; target: Target; value: Expression }
  | { type: 'set-block'; target: Target; filter: Expression | null; body: Body }
  | { type: 'with'; pairs: [target: Target, value: Expression][]; body: Body }
  | { type: 'macro'; macro: MacroBody }
  | { type: 'call'; call: Extract<Expression, { type: 'call' }>; macro: MacroBody }
  | { type: 'filter'; filter: Expression; body: Body }
  | { type: 'generation'; macro: MacroBody }
  | { type: 'break' | 'continue' }
)
