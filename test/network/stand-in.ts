/** The command that starts stand-in-tunnel.ts. */
import { fileURLToPath } from 'node:url'
import { quoted } from '../../node/cli/command.ts'

const PROGRAM = fileURLToPath(new URL('./stand-in-tunnel.ts', import.meta.url))

export interface StandIn {
  /** Ports of this machine. */
  from: number
  to: number
  /** Where it writes its process id. */
  pidFile: string
}

export function standInTunnel({ from, to, pidFile }: StandIn): string {
  return [process.execPath, PROGRAM, String(from), String(to), pidFile].map(quoted).join(' ')
}
