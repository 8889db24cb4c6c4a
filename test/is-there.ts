/** Whether this machine has a command. */
import { spawnSync } from 'node:child_process'

export function isThere(command: string): boolean {
  return spawnSync('which', [command], { stdio: 'ignore' }).status === 0
}
