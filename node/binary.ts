/**
 * Writes one file for those who have no Node: `npm run build:binary`, after `npm run build`. It is
 * the Node that runs this with the installed package in it, so it is for this system alone.
 *
 * Source: https://nodejs.org/api/single-executable-applications.html
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { arch, platform } from 'node:process'
import { buildSync } from 'esbuild'
import { zipSync } from 'fflate'
import { PACKAGED } from './command.ts'
import { VERSION } from './software.ts'

const CLONE = join(import.meta.dirname, '..')
const FOLDER = join(CLONE, 'dist/binary')
const INSTALLED = join(FOLDER, 'installed')
/** How the file is started: its user puts it where programs are. */
const STARTED = 'barnraise'
/** What Node looks for in its own file. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: platform === 'win32',
  })
  if (status !== 0) throw error ?? new Error(`${program} ${args[0]} ended with ${status}`)
}

/** The package and what it needs, as npm puts it into an empty folder. */
function install(): void {
  mkdirSync(INSTALLED, { recursive: true })
  writeFileSync(join(INSTALLED, 'package.json'), '{"private":true}')
  run('npm', ['pack', '--pack-destination', FOLDER, join(CLONE, 'dist/package')], FOLDER)
  const packed = join(FOLDER, `barnraise-${VERSION}.tgz`)
  run('npm', ['install', '--omit=dev', packed], INSTALLED)
}

function zip(): Uint8Array {
  const files: Record<string, Uint8Array> = {}
  for (const name of globSync('node_modules/**/*', { cwd: INSTALLED })) {
    const path = join(INSTALLED, name)
    if (statSync(path).isFile()) files[name.replaceAll('\\', '/')] = settled(path)
  }
  return zipSync(files, { level: 9 })
}

/** The package's own sources say how its commands are started. */
function settled(path: string): Uint8Array {
  const bytes = readFileSync(path)
  const isOwn = /node_modules[\\/]barnraise[\\/]node[\\/].*\.js$/.test(path)
  return isOwn ? Buffer.from(bytes.toString().replaceAll(PACKAGED, STARTED)) : bytes
}

function build(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  install()
  const packed = zip()
  const main = join(FOLDER, 'launcher.cjs')
  buildSync({
    entryPoints: [join(import.meta.dirname, 'binary-launcher.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: main,
  })
  const digest = createHash('sha256').update(packed).digest('hex')
  const [package_, name] = [join(FOLDER, 'package.zip'), join(FOLDER, 'name.txt')]
  writeFileSync(package_, packed)
  writeFileSync(name, `${VERSION}-${digest.slice(0, 16)}`)
  const suffix = platform === 'win32' ? '.exe' : ''
  const output = join(FOLDER, `barnraise-${platform}-${arch}${suffix}`)
  const settings = join(FOLDER, 'sea.json')
  const assets = { package: package_, name }
  const blob = join(FOLDER, 'sea.blob')
  const about = { main, output: blob, assets, disableExperimentalSEAWarning: true }
  writeFileSync(settings, JSON.stringify(about))
  run(process.execPath, ['--experimental-sea-config', settings], FOLDER)
  copyFileSync(process.execPath, output)
  // macOS starts nothing that is signed as something else, or that nobody has signed.
  if (platform === 'darwin') run('codesign', ['--remove-signature', output], FOLDER)
  const place = ['--sentinel-fuse', FUSE, '--macho-segment-name', 'NODE_SEA']
  run('npx', ['postject', output, 'NODE_SEA_BLOB', blob, ...place], CLONE)
  if (platform === 'darwin') run('codesign', ['--sign', '-', output], FOLDER)
  process.stdout.write(`${output}\n`)
}

build()
