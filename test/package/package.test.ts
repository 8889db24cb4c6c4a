/** The package as its user gets it: built, packed, and installed into an empty folder. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const CLONE = join(import.meta.dirname, '../..')
const BYTES_MAX = 15e6
const encoding = 'utf8'

const home = mkdtempSync(join(tmpdir(), 'barnraise-package-'))
let archive: string

/** The oldest that the package says it runs on, and what came after. */
const { engines } = JSON.parse(readFileSync(join(CLONE, 'package.json'), 'utf8'))
const NODES = [/[\d.]+/.exec(engines.node)![0], '24', '26']

const run = (folder: string, program: string, ...args: string[]): string =>
  execFileSync(program, args, { cwd: folder, encoding, env: environment })
/** A user's shell has nothing of what `npm run` tells its scripts of the clone. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && name !== 'INIT_CWD'),
)

beforeAll(() => {
  run(CLONE, 'npm', 'run', 'build')
  const packed = run(home, 'npm', 'pack', '--silent', join(CLONE, 'dist/package')).trim()
  archive = join(home, packed)
  run(home, 'npm', 'init', '--yes')
  run(home, 'npm', 'install', archive)
})

afterAll(() => rmSync(home, { recursive: true, force: true }))

describe('the package', () => {
  test(`is at most ${BYTES_MAX} bytes`, () => {
    expect(statSync(archive).size).toBeLessThan(BYTES_MAX)
  })

  test('brings nothing that runs at install', () => {
    const { packages } = JSON.parse(
      readFileSync(join(home, 'node_modules/.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { hasInstallScript?: boolean }> }
    const names = Object.keys(packages)
    expect(names).toContain('node_modules/barnraise')
    expect(names.filter((name) => packages[name]!.hasInstallScript)).toEqual([])
  })

  test('says how it is started, and that it is whole', () => {
    expect(run(home, 'npx', 'barnraise', '--help')).toContain('npx barnraise join LINK')
    expect(JSON.parse(run(home, 'npx', 'barnraise', 'doctor', '--json'))).toMatchObject({
      ok: true,
    })
  })

  test('is imported by programs', () => {
    const program = `
      import { host, join, verify, exportRun } from 'barnraise'
      import { initialAdapter } from 'barnraise/kernels'
      import { prepareSimulation } from 'barnraise/simulations'
      const doors = [host, join, verify, exportRun, initialAdapter, prepareSimulation]
      console.log(doors.map((door) => typeof door).join(' '))`
    const said = run(home, 'node', '--input-type=module', '--eval', program)
    expect(said.trim().split(' ')).toEqual(Array(6).fill('function'))
  })

  test('tells TypeScript what the simulator takes and gives', () => {
    const typed = `
      import { keyFiguresOf, prepareSimulation } from 'barnraise/simulations'
      import type { SimulationRequest } from 'barnraise/simulations'
      export const goodputOf = (request: SimulationRequest): number | undefined =>
        keyFiguresOf(prepareSimulation(request).run(() => {})).goodput
      // @ts-expect-error: a seed is a number.
      export const wrong: SimulationRequest['seed'] = 'one'`
    writeFileSync(join(home, 'typed.ts'), typed)
    const tsc = join(CLONE, 'node_modules/typescript/bin/tsc')
    const rules = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext']
    run(home, 'node', tsc, ...rules, '--target', 'es2024', '--types', '', 'typed.ts')
  })

  test('fits into one file, which runs where there is no Node', () => {
    const file = run(CLONE, 'npm', 'run', '--silent', 'build:binary').trim()
    // Its user has no PATH to a Node, and a home of their own.
    const env = { HOME: home, LOCALAPPDATA: home, SYSTEMROOT: process.env.SYSTEMROOT }
    const said = (...args: string[]) => execFileSync(file, args, { encoding, env })
    expect(said('--help')).toContain('\n  barnraise join LINK')
    expect(JSON.parse(said('doctor', '--json'))).toMatchObject({ ok: true })
  })

  for (const version of NODES) {
    test(`trains in four processes and on two threads of Node ${version}, and is verified`, () => {
      const env = { ...environment, PATH: [nodeOf(version), environment.PATH].join(delimiter) }
      const told = (...args: string[]) => spawnSync('npx', args, { cwd: home, env, encoding })
      expect(told('node', '--version').stdout).toMatch(`v${version}.`)
      const { stdout, stderr } = told('barnraise', 'demo', '--json')
      const { verified, before, after } = JSON.parse(stdout.trim().split('\n').at(-1)!)
      expect(verified).toBe(true)
      expect(after.loss).toBeLessThan(before.loss)
      expect(stderr).not.toContain('Warning')
    })
  }
})

/** The folder of this Node, fetched from npm. */
function nodeOf(version: string): string {
  const folder = join(home, `node-${version}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ allowScripts: { node: true } }))
  run(folder, 'npm', 'install', `node@${version}`)
  return join(folder, 'node_modules/node/bin')
}
