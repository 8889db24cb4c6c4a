/** The package as its user gets it: built, packed, and installed into an empty folder. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const CLONE = join(import.meta.dirname, '../..')
const BYTES_MAX = 15e6

const home = mkdtempSync(join(tmpdir(), 'barnraise-package-'))
let archive: string

const run = (folder: string, program: string, ...args: string[]): string =>
  execFileSync(program, args, { cwd: folder, encoding: 'utf8', env: environment })
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

  test('fits into one file, which runs where there is no Node', () => {
    const file = run(CLONE, 'npm', 'run', '--silent', 'build:binary').trim()
    // Its user has no PATH to a Node, and a home of their own.
    const env = { HOME: home, LOCALAPPDATA: home, SYSTEMROOT: process.env.SYSTEMROOT }
    const said = (...args: string[]) => execFileSync(file, args, { encoding: 'utf8', env })
    expect(said('--help')).toContain('\n  barnraise join LINK')
    expect(JSON.parse(said('doctor', '--json'))).toMatchObject({ ok: true })
  })

  test('trains in four processes and on two threads, and what comes of it is verified', () => {
    const lines = run(home, 'npx', 'barnraise', 'demo', '--json').trim().split('\n')
    const { verified, before, after } = JSON.parse(lines.at(-1)!)
    expect(verified).toBe(true)
    expect(after.loss).toBeLessThan(before.loss)
  })
})
