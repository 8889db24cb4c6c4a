/**
 * The house's manners, checked: who may import whom, what pure rooms may not touch, and how long
 * things may get. Each rule is a function from files to complaints; a planted fault shows that it
 * can complain.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { ownFiles } from './own-files.ts'

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
/**
 * The floors of `node/`, from the ground up: a folder imports only what stands before it. Files
 * that stand directly in `node/` are the ground, but for the entries and for what packs all of it:
 * they stand on the roof.
 */
const FLOORS = [
  'ground',
  'storage',
  'model',
  'guest',
  'dataset',
  'hub',
  'network',
  'compute',
  'export',
  'run',
  'history',
  'text',
  'setup',
  'roles',
  'dashboard',
  'browser',
  'cli',
  'roof',
]
const ROOF = ['main', 'index', 'build', 'binary', 'binary-launcher'].map(
  (name) => `node/${name}.ts`,
)

/** Rooms that others enter by their door alone; `test/` looks inside. */
const WITH_DOOR = ['coordinator/participant', 'coordinator', 'kernels', 'protocol', 'simulations']

/** The commands that simulate; nothing else of `node/` knows of the simulator. */
const SIMULATE_COMMAND = /^node\/cli\/simulate(-\w+)?\.ts$/

const PURE_ROOMS: readonly Room[] = ['protocol', 'coordinator', 'kernels', 'simulations']
/** It builds the module, so it may touch files and argv. */
const IMPURE_FILES = new Set(['kernels/build.ts'])
/**
 * What the language itself has and pure rooms may not use. The rest of the world (timers, process,
 * files, sockets) is not there for the compiler: see the rooms' tsconfig.json.
 */
const IMPURE: readonly [RegExp, string][] = [
  [/\bDate\b/, 'Date'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\b(async|await|Promise)\b/, 'a promise'],
  [/from '(libp2p|@libp2p|@chainsafe)/, 'an import of the world'],
]
/** Engines differ in these; where bits matter, the polynomials of kernels/ are used. */
const INEXACT: readonly [RegExp, string][] = [
  [
    /\bMath\.(exp|expm1|log|log1p|log2|log10|pow|sin|cos|tan|tanh|sinh|cosh|cbrt|hypot)\b/,
    'an inexact Math function',
  ],
  [/(?<!\b2) \*\* /, 'a power, which is exact of 2 alone'],
]
const EXACT = /^(protocol|coordinator|kernels|node\/(compute|model|dataset|run))\//

const LINES_MAX = 400
const COLUMNS_MAX = 100

const files: SourceFile[] = ownFiles('**/*.{ts,tsx}')
  .filter((path) => ROOMS.some((room) => path.startsWith(`${room}/`)))
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
      if (other === 'simulations' && SIMULATE_COMMAND.test(file.path)) return false
      return !MAY_IMPORT[room].includes(other)
    })
    .map((target) => `${file.path} imports ${target}`)
}

const floorOf = (path: string): number => {
  const [, folder, file] = path.split('/')
  if (ROOF.includes(path)) return FLOORS.indexOf('roof')
  return FLOORS.indexOf(file === undefined ? 'ground' : folder!)
}

function upwardImports(file: SourceFile): string[] {
  if (!file.path.startsWith('node/')) return []
  if (floorOf(file.path) < 0) return [`${file.path} stands on no floor`]
  return importsOf(file)
    .filter((target) => target.startsWith('node/') && floorOf(target) > floorOf(file.path))
    .map((target) => `${file.path} imports ${target}, which stands above it`)
}

function missedDoors(file: SourceFile): string[] {
  const roomWithDoor = (path: string) => WITH_DOOR.find((room) => path.startsWith(`${room}/`))
  if (roomOf(file.path) === 'test') return []
  return importsOf(file)
    .filter((target) => {
      const room = roomWithDoor(target)
      const isModule = /\.tsx?$/.test(target)
      if (!isModule || room === undefined || room === roomWithDoor(file.path)) return false
      return target !== `${room}/index.ts`
    })
    .map((target) => `${file.path} imports ${target} past its door`)
}

/** A coordinator decides without a participant's code, and the other way round. */
function betweenHalves(file: SourceFile): string[] {
  const half = (path: string) =>
    path.startsWith('coordinator/participant/') ? 'participant' : path.split('/')[0]
  const other = { coordinator: 'participant', participant: 'coordinator' }[half(file.path)!]
  return importsOf(file)
    .filter((target) => half(target) === other)
    .map((target) => `${file.path} imports ${target}, the other half`)
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
  return found.map((what) => `${path} uses ${what}`)
}

/** The compiler keeps timers, files and the DOM out of the pure rooms, as long as it is told to. */
function looseRooms(read: (path: string) => string): string[] {
  const { scripts } = JSON.parse(read('package.json'))
  return PURE_ROOMS.filter((room) => {
    const { types, lib } = JSON.parse(read(`${room}/tsconfig.json`)).compilerOptions
    const isTight = types?.length === 0 && lib.every((name: string) => name.startsWith('ES'))
    return !isTight || !scripts.types.includes(`tsc -p ${room} `)
  }).map((room) => `${room} may see the world: look at its tsconfig.json, and at npm run types`)
}

function inexactness({ path, text }: SourceFile): string[] {
  if (!EXACT.test(path)) return []
  const code = codeOf(text)
  return INEXACT.filter(([pattern]) => pattern.test(code)).map(([, what]) => `${path} uses ${what}`)
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

function manners({ path, text }: SourceFile): string[] {
  const code = withoutComments(text)
  const rules: [RegExp, string][] = [
    [/\b(it|test|describe)\.(skip|only|todo|fails)\b/, 'switches a test off'],
    [/^export default/m, 'has a default export'],
    [/^(export )?(const )?enum /m, 'has an enum'],
    [/: any\b|<any>|as any\b/, 'uses any'],
    [/\.\.\.(\{|\[[^[\]]*\](?![.[(]))/, 'spreads a literal'],
  ]
  return rules
    .filter(([pattern, what]) => pattern.test(code) && !(path === 'test/tidy.test.ts' && what))
    .map(([, what]) => `${path} ${what}`)
}

/** What a comment may not begin with: such a beginning has no subject, or hides it. */
const BARE_BEGINNINGS =
  'Above|After|Against|Among|As|At|Before|Behind|Below|Beside|Between|By|During|For|From|In|' +
  'Inside|Into|Like|Of|On|Over|Per|Since|Through|To|Under|Until|Up|With|Within|Without'

/** The subject of a comment stands in the comment, not in the identifier below it. */
function headlessComments({ path, text }: SourceFile): string[] {
  const headless = new RegExp(`/\\*\\*(?:\\n *\\*)? (${BARE_BEGINNINGS})\\b(.*)`, 'g')
  return [...text.matchAll(headless)].map(([, word, rest]) => `${path}: ${word}${rest}`)
}

for (const [rule, complaints] of [
  ['imports follow the floor plan', () => files.flatMap(forbiddenImports)],
  ['the floors of node/ stand in order', () => files.flatMap(upwardImports)],
  ['rooms are entered by their doors', () => files.flatMap(missedDoors)],
  ['coordinator and participant do not know each other', () => files.flatMap(betweenHalves)],
  ['no import cycle', () => cycles(files)],
  ['pure rooms touch nothing of the world', () => files.flatMap(impurities)],
  ['the compiler keeps the walls', () => looseRooms((path) => readFileSync(path, 'utf8'))],
  ['what bits depend on is exact', () => files.flatMap(inexactness)],
  ['files and lines are short', () => files.flatMap(tooLong)],
  ['comments have a subject', () => files.flatMap(headlessComments)],
  [
    'no test is switched off, no default export, enum, any or spread literal',
    () => files.flatMap(manners),
  ],
] as const) {
  test(rule, () => expect(complaints()).toEqual([]))
}

test('what a page is made of is among the files', () => {
  const pages = files.filter(({ path }) => path.startsWith('node/browser/pages/'))
  expect(pages.filter(({ path }) => path.endsWith('.tsx')).length).toBeGreaterThan(10)
})

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
    'an import from an upper floor',
    upwardImports({ path: 'node/model/a.ts', text: "import { b } from '../cli/b.tsx'" }),
  ],
  ['a folder on no floor', upwardImports({ path: 'node/attic/a.ts', text: '' })],
  [
    'an import past a door',
    missedDoors({ path: 'node/run/a.ts', text: "import { b } from '../../coordinator/step.ts'" }),
  ],
  [
    'a participant that knows the coordinator',
    betweenHalves({ path: 'coordinator/participant/a.ts', text: "import { b } from '../b.ts'" }),
  ],
  [
    'a clock in coordinator',
    impurities({ path: 'coordinator/a.ts', text: 'const t = Date.now()' }),
  ],
  ['a promise in simulations', impurities({ path: 'simulations/a.ts', text: 'async () => 1' })],
  [
    'a pure room that may see Node',
    looseRooms((path) =>
      path === 'coordinator/tsconfig.json'
        ? '{ "compilerOptions": { "lib": ["ES2024"], "types": ["node"] } }'
        : readFileSync(path, 'utf8'),
    ),
  ],
  ['libp2p in protocol', impurities({ path: 'protocol/a.ts', text: "import { x } from 'libp2p'" })],
  ['Math.exp in kernels', inexactness({ path: 'kernels/a.ts', text: 'Math.exp(1)' })],
  [
    'a power in model/',
    inexactness({ path: 'node/model/a.ts', text: 'theta ** (i / n) + 2 ** n' }),
  ],
  ['a long file', tooLong({ path: 'node/a.ts', text: '\n'.repeat(LINES_MAX + 1) })],
  ['a wide line', tooLong({ path: 'node/a.ts', text: 'x'.repeat(COLUMNS_MAX + 1) })],
  [
    'a cycle',
    cycles([
      { path: 'node/a.ts', text: "import { b } from './b.ts'" },
      { path: 'node/b.ts', text: "import { a } from './a.ts'" },
    ]),
  ],
  ['an enum', manners({ path: 'node/a.ts', text: 'enum Color { red }' })],
  ['a spread literal', manners({ path: 'node/a.ts', text: 'f({ ...{ a, b } })' })],
  [
    'a comment without a subject',
    headlessComments({ path: 'node/a.ts', text: `/** ${'Of'} the step, in ms. */` }),
  ],
  [
    'a comment of many lines without a subject',
    headlessComments({ path: 'node/a.ts', text: `  /**\n   * ${'From'} bytes to ids. */` }),
  ],
] as const) {
  test(`the rules notice ${fault}`, () => expect(complaints).toHaveLength(1))
}
