/**
 * The house's manners, checked: who may import whom, what pure rooms may not touch, and how long
 * things may get. Each rule is a function from files to complaints; a planted fault shows that it
 * can complain.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

interface SourceFile {
  path: string
  text: string
}

const ROOMS = ['protocol', 'coordinator', 'kernels', 'simulations', 'node', 'test'] as const
type Room = (typeof ROOMS)[number]

/** Which rooms a room may import, besides itself. */
const MAY_IMPORT: Record<Room, readonly Room[]> = {
  protocol: [],
  coordinator: ['protocol'],
  kernels: [],
  simulations: ['protocol', 'coordinator', 'kernels'],
  node: ['protocol', 'coordinator', 'kernels'],
  test: ROOMS,
}
/** The named door: the command that starts the simulator. */
const DOORS = new Set([
  'node/cli/simulate.ts -> simulations/main.ts',
  'node/cli/simulate-replay.ts -> simulations/main.ts',
  'node/cli/simulate-numbers.ts -> simulations/main.ts',
])

const PURE_ROOMS: readonly Room[] = ['protocol', 'coordinator', 'kernels', 'simulations']
/** Entry points that may touch files and argv. */
const IMPURE_FILES = new Set(['kernels/build.ts', 'simulations/main.ts'])
const IMPURE: readonly [RegExp, string][] = [
  [/\bDate\b/, 'Date'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'a timer'],
  [/\b(async|await|Promise)\b/, 'a promise'],
  [/\bprocess\.(env|argv|exit|stdout|stderr|hrtime|cwd|pid|on)\b/, 'process'],
  [/from '(node:|libp2p|@libp2p|@chainsafe)/, 'an import of the world'],
]
/** Engines differ in these; rooms whose bits matter use polynomials of their own. */
const INEXACT =
  /\bMath\.(exp|expm1|log|log1p|log2|log10|pow|sin|cos|tan|tanh|sinh|cosh|cbrt|hypot)\b/
const EXACT_ROOMS: readonly Room[] = ['protocol', 'coordinator', 'kernels']

const LINES_MAX = 400
const COLUMNS_MAX = 100
const FUNCTION_LINES_MAX = 60

const files: SourceFile[] = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'])
  .toString()
  .split('\n')
  .filter((path) => ROOMS.some((room) => path.startsWith(`${room}/`)) && existsSync(path))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }))

const roomOf = (path: string): Room | undefined => ROOMS.find((room) => path.startsWith(`${room}/`))

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/.*$/gm, '$1')
}

/**
 * Text with the insides of plain strings blanked, so that words in messages are not taken for code.
 */
function codeOf(text: string): string {
  return withoutComments(text).replace(/^(?!import|export .* from).*$/gm, (line) =>
    line.replace(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\\n$]|\\.)*`/g, "''"),
  )
}

function importsOf({ path, text }: SourceFile): string[] {
  return [...withoutComments(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(path), match[1]!)),
  )
}

function forbiddenImports(file: SourceFile): string[] {
  const room = roomOf(file.path)!
  return importsOf(file)
    .filter((target) => {
      const other = roomOf(target)
      if (other === undefined || other === room) return false
      return !MAY_IMPORT[room].includes(other) && !DOORS.has(`${file.path} -> ${target}`)
    })
    .map((target) => `${file.path} imports ${target}`)
}

function cycles(all: readonly SourceFile[]): string[] {
  const graph = new Map(all.map((file) => [file.path, importsOf(file)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path)
    if (seenAt >= 0) found.push([...trail.slice(seenAt), path].join(' -> '))
    if (seenAt >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

function impurities({ path, text }: SourceFile): string[] {
  const room = roomOf(path)!
  if (!PURE_ROOMS.includes(room) || IMPURE_FILES.has(path)) return []
  const code = codeOf(text)
  const found = IMPURE.filter(([pattern]) => pattern.test(code)).map(([, what]) => what)
  if (EXACT_ROOMS.includes(room) && INEXACT.test(code)) found.push('an inexact Math function')
  return found.map((what) => `${path} uses ${what}`)
}

function tooLong({ path, text }: SourceFile): string[] {
  const lines = text.split('\n')
  const complaints: string[] = []
  if (lines.length - 1 > LINES_MAX) complaints.push(`${path} has ${lines.length - 1} lines`)
  lines.forEach((line, index) => {
    if (line.length > COLUMNS_MAX)
      complaints.push(`${path}:${index + 1} has ${line.length} columns`)
  })
  return complaints
}

/** Top-level functions end at the first line that is just a closing brace in the first column. */
function longFunctions({ path, text }: SourceFile): string[] {
  if (roomOf(path) === 'test') return []
  const lines = text.split('\n')
  const complaints: string[] = []
  lines.forEach((line, start) => {
    if (!/^(export )?(async )?function\*? /.test(line)) return
    const length = lines.slice(start).indexOf('}') + 1
    const name = /function\*? (\w+)/.exec(line)?.[1]
    // A factory is the scope of the functions in it, each of which is judged on its own.
    if (length > FUNCTION_LINES_MAX && !name?.startsWith('create')) {
      complaints.push(`${path}:${start + 1} ${name} has ${length} lines`)
    }
  })
  return complaints
}

function manners({ path, text }: SourceFile): string[] {
  const code = withoutComments(text)
  const rules: [RegExp, string][] = [
    [/\b(it|test|describe)\.(skip|only|todo|fails)\b/, 'switches a test off'],
    [/^export default/m, 'has a default export'],
    [/^(export )?(const )?enum /m, 'has an enum'],
    [/: any\b|<any>|as any\b/, 'uses any'],
  ]
  return rules
    .filter(([pattern, what]) => pattern.test(code) && !(path === 'test/tidy.test.ts' && what))
    .map(([, what]) => `${path} ${what}`)
}

for (const [rule, complaints] of [
  ['imports follow the floor plan', () => files.flatMap(forbiddenImports)],
  ['no import cycle', () => cycles(files)],
  ['pure rooms touch nothing of the world', () => files.flatMap(impurities)],
  ['files and lines are short', () => files.flatMap(tooLong)],
  ['functions are short', () => files.flatMap(longFunctions)],
  ['no test is switched off, no default export, enum or any', () => files.flatMap(manners)],
] as const) {
  test(rule, () => expect(complaints()).toEqual([]))
}

for (const [fault, complaints] of [
  [
    'protocol importing node',
    forbiddenImports({ path: 'protocol/a.ts', text: "import { b } from '../node/b.ts'" }),
  ],
  [
    'kernels importing protocol',
    forbiddenImports({ path: 'kernels/a.ts', text: "import { b } from '../protocol/b.ts'" }),
  ],
  [
    'a clock in coordinator',
    impurities({ path: 'coordinator/a.ts', text: 'const t = Date.now()' }),
  ],
  ['a promise in simulations', impurities({ path: 'simulations/a.ts', text: 'async () => 1' })],
  ['Math.exp in kernels', impurities({ path: 'kernels/a.ts', text: 'Math.exp(1)' })],
  ['node: in protocol', impurities({ path: 'protocol/a.ts', text: "import { x } from 'node:fs'" })],
  ['a long file', tooLong({ path: 'node/a.ts', text: '\n'.repeat(LINES_MAX + 1) })],
  ['a wide line', tooLong({ path: 'node/a.ts', text: 'x'.repeat(COLUMNS_MAX + 1) })],
  [
    'a long function',
    longFunctions({
      path: 'node/a.ts',
      text: `function long() {\n${'  x()\n'.repeat(FUNCTION_LINES_MAX)}}\n`,
    }),
  ],
  [
    'a cycle',
    cycles([
      { path: 'node/a.ts', text: "import { b } from './b.ts'" },
      { path: 'node/b.ts', text: "import { a } from './a.ts'" },
    ]),
  ],
  ['an enum', manners({ path: 'node/a.ts', text: 'enum Color { red }' })],
] as const) {
  test(`the rules notice ${fault}`, () => expect(complaints).toHaveLength(1))
}
