/** How a relay is started. */
import type { Command, Option } from 'commander'
import { port, positive } from './sizes.ts'

/** @param output how it answers */
export function addRelay(program: Command, output: readonly Option[]): void {
  const command = program
    .command('relay')
    .description('pass on what is between hosts that nobody reaches and their volunteers')
    .option('--port <port>', 'port for WebSockets; the next one takes TCP', port, 4001)
    .option('--announce <address...>', 'multiaddrs at which others reach this machine')
    .option('--allow <peer...>', 'coordinators that may be reached through it (default: all)')
    .option('--hosts <n>', 'hosts at the same time', positive, 64)
    .option('--per-host <n>', 'volunteers of one host at the same time', positive, 256)
    .option('--per-address <n>', 'volunteers of one address at the same time', positive, 64)
    .option('--relayed <n>', 'volunteers in all', positive, 1024)
    .option('--identity <file>', 'its key (default: beside what `cache` shows)')
    .action(async (options) => (await import('./relay.ts')).relay(options))
  for (const option of output) command.addOption(option)
}
