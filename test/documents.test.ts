/** What documents say of the project's files and commands is there, and prose is wrapped. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram } from '../node/cli/program.ts'
import { ownFiles } from './own-files.ts'

interface Document {
  path: string
  text: string
}

const COLUMNS_MAX = 120
const ROOMS = 'protocol|coordinator|kernels|simulations|node|test|docs|examples'

const filesOf = (pattern: string): Document[] =>
  ownFiles(pattern).map((path) => ({ path, text: readFileSync(path, 'utf8') }))

const documents = filesOf('**/*.md')
const workflows = filesOf('.github/workflows/*.yml')

/** Files that a text names in `code` or links to; a name with a star or capitals is a pattern. */
function missingFiles({ path, text }: Document): string[] {
  const inCode = [...text.matchAll(new RegExp(`\`((?:${ROOMS})/[\\w./-]*\\w/?)\``, 'g'))]
  const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
  const named = [
    ...inCode.map(([, name]) => name!),
    ...linked.map(([, name]) => join(dirname(path), name!)),
  ]
  return named.filter((name) => !existsSync(name)).map((name) => `${path} names ${name}`)
}

/** Headings of a document as GitHub names them in links. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+?)\s*$/gm)
  for (const [, heading] of headings) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const name = words.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-')
    let anchor = name
    for (let count = 1; anchors.has(anchor); count++) anchor = `${name}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

/** Links to a heading, of the same document or of another, that is not there. */
function missingAnchors({ path, text }: Document): string[] {
  const linked = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)]
  return linked.flatMap(([, file, anchor]) => {
    const to = file === '' ? path : join(dirname(path), file!)
    const other = to === path ? text : existsSync(to) ? readFileSync(to, 'utf8') : ''
    return anchorsOf(other).has(anchor!) ? [] : [`${path} links to ${to}#${anchor}`]
  })
}

function longLines({ path, text }: Document): string[] {
  return text
    .replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/.+/g, ''))
    .split('\n')
    .flatMap((line, index) =>
      line.length > COLUMNS_MAX && !line.startsWith('|') ? [`${path}:${index + 1}`] : [],
    )
}

const commands = new Set(createProgram([]).commands.map((command) => command.name()))

function unknownCommands({ path, text }: Document): string[] {
  return [...text.matchAll(/(?:`barnraise|run -s barnraise --) ([a-z]+)/g)]
    .filter(([, command]) => !commands.has(command!))
    .map(([, command]) => `${path} names the command ${command}`)
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))

function unknownScripts({ path, text }: Document): string[] {
  return [...text.matchAll(/npm run (?:-s )?([a-z][\w:]*)/g)]
    .filter(([, script]) => !(script! in scripts))
    .map(([, script]) => `${path} names the script ${script}`)
}

test('there are workflows, and the scripts that they name exist', () => {
  expect(workflows.length).toBeGreaterThan(1)
  expect(workflows.flatMap(unknownScripts)).toEqual([])
})

for (const [rule, complaints] of [
  ['scripts that documents name exist', unknownScripts],
  ['files that documents name exist', missingFiles],
  ['headings that documents link to exist', missingAnchors],
  ['prose is wrapped', longLines],
  ['commands that documents name exist', unknownCommands],
] as const) {
  test(rule, () => expect(documents.flatMap(complaints)).toEqual([]))
}

for (const [fault, complaints] of [
  ['a file that is not there', missingFiles({ path: 'docs/a.md', text: 'see `node/nowhere.ts`' })],
  ['a script of no name', unknownScripts({ path: 'docs/a.md', text: '`npm run tset`' })],
  ['a link to nothing', missingFiles({ path: 'docs/a.md', text: '[a](nowhere.md)' })],
  ['a heading of no document', missingAnchors({ path: 'README.md', text: '[a](docs/data.md#b)' })],
  ['a heading that is not here', missingAnchors({ path: 'a.md', text: '# A\n[a](#a-1) [b](#a)' })],
  ['a long line', longLines({ path: 'docs/a.md', text: 'x '.repeat(COLUMNS_MAX) })],
  ['a command', unknownCommands({ path: 'docs/a.md', text: 'run `barnraise conquer`' })],
] as const) {
  test(`the rules notice ${fault}`, () => expect(complaints).toHaveLength(1))
}
