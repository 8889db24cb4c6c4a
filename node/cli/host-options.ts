/** How a run is hosted: the options of `host`, which a service hands on. */
import type { Command, Option } from 'commander'
import { port } from './sizes.ts'

export const HOSTED = 'what to train, or the folder of a run that is to go on'

/** @param machine what it may take of this machine, and how it answers */
export function addHostOptions(command: Command, machine: readonly Option[]): Command {
  command
    .option('--out <dir>', 'folder of the run (default: output_dir, else runs/NAME)')
    .option(
      '--port <port>',
      'port for browsers and volunteers; the next one takes processes over TCP',
      port,
      4001,
    )
    .option('--public', 'listen on all interfaces instead of this machine only')
    .option('--no-map-port', 'with --public, ask no router of this network to lead here')
    .option('--no-nearby', 'with --public, do not tell this network that the run is here')
    .option('--announce <address...>', 'where others reach this machine: https://… or multiaddrs')
    .option('--relay <address...>', 'relays to be reached through, as `relay` prints them')
    .option(
      '--no-punch',
      'with --relay, stay behind it: make no direct connections (hole punching)',
    )
    .option(
      '--tunnel <command>',
      'start this, which leads from elsewhere to --port and prints its address',
    )
    .option('--stay', 'keep the pages open when the run is over, until Ctrl-C')
  for (const option of machine) command.addOption(option)
  return command
}
