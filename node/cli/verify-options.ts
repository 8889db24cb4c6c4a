/** How a run is checked by others: the options of `credit`, `publish` and `verify`. */

import { peerIdFromString } from '@libp2p/peer-id'
import { type Command, InvalidArgumentError, type Option } from 'commander'

/** @param machine how much of this machine it may take, and how it answers */
export function addVerifying(program: Command, machine: readonly Option[]): void {
  const verify = program
    .command('verify')
    .description('re-derive the adapter from the journal, bit for bit, without any key')
    .argument('<run>', "a run's folder, a published one, its address, a link; or a receipt's file")
    .option('--run <id>', 'the RunId that it must have, or its first digits', runDigits)
    .option('--coordinator <peer>', 'who must have signed its rounds', peer)
    .option('--replay', 'train every step that counted again, too')
    .option('--sample <share>', 'train a share of them again, whole leases, such as 5%', share)
    .option('--export <dir>', 'a PEFT folder that is said to come from the run')
    .option('--seed <n>', 'with --sample: draw the same share as before', drawSeed)
    .action(async (where, options) => (await import('./verify.ts')).verify(where, options))
  for (const option of machine) verify.addOption(option)
  program
    .command('credit')
    .description('who did how much, counted again from what the coordinator signed')
    .argument('<run>', "a run's folder, a published one, its address, or a link")
    .option('--run <id>', 'the RunId that it must have, or its first digits', runDigits)
    .option('--coordinator <peer>', 'who must have signed its rounds', peer)
    .option('--peer <peer>', 'one volunteer: its peer id, the end of it, or its name')
    .option(
      '--receipt <file>',
      'write its signed receipt: with the folder that has the key, or the link of a hosted run',
    )
    .option('--json', 'print data as JSON on stdout, for scripts')
    .action(async (where, options) => (await import('./credit.ts')).credit(where, options))
  program
    .command('publish')
    .description('write what strangers check the run by, for any web server, or to the Hub')
    .argument('<folder>', 'the folder of the run')
    .option('-o, --out <dir>', 'where to write it')
    .option('--hub <org/name>', 'upload it, with the best adapter, to this model repository')
    .option('--private', 'with --hub: a new repository is private')
    .option('--force', 'with --hub: replace what the repository has of others, in a commit')
    .option('--with-held-out', 'publish the text that it is measured on, too')
    .option('--json', 'print data as JSON on stdout, for scripts')
    .addHelpText(
      'after',
      `
Base and training text go along, as the steps are repeated on them: publish neither where you may
not. Keys, addresses and run.yaml stay here.`,
    )
    .action(async (folder, options) => (await import('./publish.ts')).publish(folder, options))
}

function runDigits(text: string): string {
  if (/^[0-9a-f]{16,64}$/.test(text)) return text
  throw new InvalidArgumentError('It is 16 to 64 hexadecimal digits.')
}

function peer(text: string): string {
  try {
    return peerIdFromString(text).toString()
  } catch {
    throw new InvalidArgumentError('It is a peer id, such as 12D3KooW…')
  }
}

function share(text: string): number {
  const [, number = '', percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? []
  const value = Number(number) / (percent === '%' ? 100 : 1)
  if (number !== '' && value > 0 && value <= 1) return value
  throw new InvalidArgumentError('It is a share above 0, such as 5% or 0.05.')
}

function drawSeed(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value
  throw new InvalidArgumentError('It must be a whole number from 0 to 4294967295.')
}
