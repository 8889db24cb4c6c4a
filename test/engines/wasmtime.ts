/** Wasmtime runs no JavaScript, so it repeats the calls that Node's engine was seen to make. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ARENA_START } from '../../kernels/arena.ts'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import type { Engine } from './engine.ts'

const HERE = import.meta.dirname
const PYTHON = process.env.WASMTIME_PYTHON ?? 'python3'

export const WASMTIME: Engine = {
  name: 'wasmtime',
  missing: () =>
    spawnSync(PYTHON, ['-c', 'import wasmtime']).status === 0
      ? null
      : 'name a Python that has the package wasmtime in the variable WASMTIME_PYTHON',
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'barnraise-engines-'))
    try {
      const record = ['--import', 'tsx', join(HERE, 'record-calls.ts'), folder]
      execFileSync(process.execPath, record, { stdio: 'inherit' })
      const replay = [join(HERE, 'replay.py'), KERNELS.pathname, folder, String(ARENA_START)]
      const output = execFileSync(PYTHON, replay, { stdio: ['ignore', 'pipe', 'inherit'] })
      const counts: Record<string, { same: number; other: number }> = JSON.parse(output.toString())
      return Object.entries(counts).map(([op, { same, other }]) => ({
        name: `${op}, ${same + other} calls`,
        isRight: other === 0,
      }))
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}
