/** Engines with a command that runs a plain script. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isThere } from '../is-there.ts'
import { CASES_BY_OP } from '../kernels/op-digest.ts'
import { bundleShell } from './bundle.ts'
import { compare, type Engine } from './engine.ts'
import { SMALL_JOBS } from './golden-jobs.ts'

/** What shell.ts computes. */
const SHELL_NAMES = [...CASES_BY_OP.map(([op]) => op), ...SMALL_JOBS.map(({ name }) => name)]

const JSC_PACKAGE = "install JavaScriptCore's shell, on Debian libjavascriptcoregtk-4.0-bin"

/** JavaScriptCore has two compilers for WebAssembly; with OMG off the first one does it all. */
export const SHELLS: readonly Engine[] = [
  shellEngine('JavaScriptCore, BBQ and OMG', ['jsc'], JSC_PACKAGE),
  shellEngine('JavaScriptCore, BBQ alone', ['jsc', '--useOMGJIT=0'], JSC_PACKAGE),
  shellEngine(
    'Node on AArch64',
    process.env.AARCH64_NODE?.split(' ') ?? [],
    'name its command in the variable AARCH64_NODE, such as "qemu-aarch64 -L ROOT ROOT/bin/node"',
  ),
]

function shellEngine(name: string, [command, ...options]: string[], advice: string): Engine {
  return {
    name,
    missing: () => (command !== undefined && isThere(command) ? null : advice),
    run: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'barnraise-engines-'))
      try {
        const script = join(folder, 'golden.js')
        await bundleShell(script)
        const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
        const output = execFileSync(command!, [...options, script], { stdio })
        return compare(SHELL_NAMES, JSON.parse(output.toString()))
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  }
}
