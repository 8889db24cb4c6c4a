/**
 * The small faults that a test should notice. Each is one change of a file's text, found by walking
 * its syntax tree: a comparison that is off by one or turned round, a condition negated, a
 * statement or an early return left out, a constant changed, `&&` for `||`. What is only said to
 * people (the texts of errors) and what only the compiler reads (types) stays as it is.
 */
import { type ESTree, parseSync, Visitor, type VisitorObject } from 'vite'

export interface Mutation {
  /** Counted in UTF-16 units of the file's text. */
  start: number
  end: number
  replacement: string
  /** Counted from 1. */
  line: number
}

/** What to write instead of an operator. */
const OPERATORS: Record<string, readonly string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '++': ['--'],
  '--': ['++'],
}
/** Methods with a sister that is easily taken for them. No object: those have a `toString`. */
const SISTERS = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['min', 'max'],
  ['max', 'min'],
  ['floor', 'ceil'],
  ['ceil', 'floor'],
  ['add', 'delete'],
  ['push', 'unshift'],
  ['shift', 'pop'],
])
/** Methods whose result can stand in for what they were called on. */
const PASSED_OVER = new Set(['filter', 'sort', 'toSorted', 'reverse', 'slice', 'trim'])

const isText = (node: ESTree.Node): boolean =>
  node.type === 'TemplateLiteral' ||
  (node.type === 'Literal' && typeof node.value === 'string') ||
  (node.type === 'BinaryExpression' && (isText(node.left) || isText(node.right)))

/** Calls that state what always holds: no test can reach their failure. */
const isAssertion = (node: ESTree.Node): boolean =>
  node.type === 'CallExpression' &&
  node.callee.type === 'Identifier' &&
  node.callee.name.startsWith('assert')

/** All mutations of a file, in the order of their places. */
export function mutationsOf(text: string): Mutation[] {
  const { program, errors } = parseSync('mutated.ts', text)
  if (errors.length > 0)
    throw new Error(`Cannot mutate a file as it must parse: ${errors[0]?.message}`)
  const found: Mutation[] = []
  /** Ends of the stretches that are left alone, such as what an error says. */
  let quietUntil = 0
  const replace = (start: number, end: number, replacement: string): void => {
    if (start < quietUntil) return
    found.push({ start, end, replacement, line: text.slice(0, start).split('\n').length })
  }
  const leaveAlone = (node: ESTree.Node): void => {
    quietUntil = Math.max(quietUntil, node.end)
  }
  const remove = (node: ESTree.Node): void => replace(node.start, node.end, ';')
  const exchange = (operator: string, from: number, to: number): void => {
    const start = from + text.slice(from, to).indexOf(operator)
    for (const other of OPERATORS[operator] ?? []) replace(start, start + operator.length, other)
  }
  const negate = (test: ESTree.Node): void =>
    replace(test.start, test.end, `!(${text.slice(test.start, test.end)})`)

  const visitor: VisitorObject = {
    BinaryExpression(node) {
      if (node.operator === '+' && isText(node)) return
      exchange(node.operator, node.left.end, node.right.start)
    },
    LogicalExpression(node) {
      exchange(node.operator, node.left.end, node.right.start)
      if (node.operator === '??') replace(node.left.end, node.end, '')
    },
    UnaryExpression(node) {
      if (node.operator === '!' || node.operator === '-')
        replace(node.start, node.argument.start, '')
    },
    UpdateExpression(node) {
      exchange(node.operator, node.start, node.end)
    },
    AssignmentExpression(node) {
      exchange(node.operator, node.left.end, node.right.start)
    },
    IfStatement(node) {
      negate(node.test)
    },
    ConditionalExpression(node) {
      negate(node.test)
    },
    CallExpression(node) {
      const { callee } = node
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return
      const { name, start, end } = callee.property
      const sister = SISTERS.get(name)
      if (sister !== undefined) replace(start, end, sister)
      if (PASSED_OVER.has(name)) replace(callee.object.end, node.end, '')
    },
    ExpressionStatement(node) {
      if (node.directive === null && !isAssertion(node.expression)) remove(node)
      if (isAssertion(node.expression)) leaveAlone(node)
    },
    ReturnStatement(node) {
      if (node.argument !== null && isAssertion(node.argument)) leaveAlone(node)
      else remove(node)
    },
    ContinueStatement: remove,
    BreakStatement: remove,
    ThrowStatement(node) {
      remove(node)
      leaveAlone(node)
    },
    Literal(node) {
      const { value } = node
      if (typeof value === 'number') replace(node.start, node.end, `(${node.raw} + 1)`)
      if (typeof value === 'boolean') replace(node.start, node.end, String(!value))
      if (typeof value === 'string') replace(node.start, node.end, value === '' ? "'x'" : "''")
    },
    NewExpression(node) {
      if (node.callee.type === 'Identifier' && node.callee.name.endsWith('Error')) leaveAlone(node)
    },
    ImportDeclaration: leaveAlone,
    ExportAllDeclaration: leaveAlone,
    ExportNamedDeclaration(node) {
      if (node.source !== null) leaveAlone(node.source)
    },
    TSTypeAnnotation: leaveAlone,
    TSTypeAliasDeclaration: leaveAlone,
    TSInterfaceDeclaration: leaveAlone,
    TSTypeParameterInstantiation: leaveAlone,
  }
  new Visitor(visitor).visit(program)
  return found.sort((a, b) => a.start - b.start || a.end - b.end)
}

/** The file's text with the mutation in it. */
export function mutated({ text, start, end, replacement }: Mutation & { text: string }): string {
  return text.slice(0, start) + replacement + text.slice(end)
}
