/** How a relay is started. */
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { PEER_ID } from '../network/peer-id.ts'
import { port, positive } from './sizes.ts'

/** @throws InvalidArgumentError */
function withPeer(text: string, before: readonly string[] = []): string[] {
  if (PEER_ID.test(text)) return [...before, text]
  throw new InvalidArgumentError('It must be the id of a coordinator, as `host` prints it.')
}

/** @param output how it answers */
export function addRelay(program: Command, output: readonly Option[]): void {
  const command = program
    .command('relay')
    .description('pass on what is between hosts that nobody reaches and their volunteers')
    .option('--port <port>', 'port for WebSockets; the next one takes TCP', port, 4001)
    .option('--no-public', 'listen on this machine only, as for a reverse proxy that runs on it')
    .option('--announce <address...>', 'where others reach this machine: https://… or multiaddrs')
    .option(
      '--allow <peer...>',
      'coordinators that may be reached through it (default: all)',
      withPeer,
    )
    .option('--hosts <n>', 'hosts at the same time', positive, 64)
    .option('--per-host <n>', 'volunteers of one host at the same time', positive, 256)
    .option('--per-address <n>', 'volunteers of one address at the same time', positive, 64)
    .option('--relayed <n>', 'volunteers in all', positive, 1024)
    .option('--identity <file>', 'its key (default: beside what `cache` shows)')
    .action(async (options) => (await import('./relay.ts')).relay(options))
  for (const option of output) command.addOption(option)
}
