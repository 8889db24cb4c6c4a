/** Installs llama.cpp into this folder, once: it is too heavy for everyone's `npm ci`. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOM = fileURLToPath(new URL('.', import.meta.url))
/** The one whose binary package.json leaves in. */
const PLATFORM = 'linux-x64'

export function setup(): void {
  const platform = `${process.platform}-${process.arch}`
  if (platform !== PLATFORM) {
    throw new Error(`Cannot run llama.cpp: this is ${platform}, its binary is for ${PLATFORM}`)
  }
  if (existsSync(`${ROOM}node_modules/node-llama-cpp`)) return
  execFileSync('npm', ['ci', '--ignore-scripts'], {
    cwd: ROOM,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}
