/** The engines we are measured against, which are too heavy for everyone's `npm ci`. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOM = fileURLToPath(new URL('.', import.meta.url))

/** Installs them once. Without a registry, what needs them has to do without. */
export function installEngines(): void {
  if (existsSync(`${ROOM}node_modules`)) return
  process.stderr.write('installing onnxruntime-web, tfjs and wllama into test/bench, once\n')
  spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: ROOM, stdio: 'ignore' })
}
