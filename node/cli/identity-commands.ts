/** The commands that keep a key on paper. */
import { type Command, Option } from 'commander'

const WHERE = 'link of a run that you volunteer for, folder of one that you host, or file of a key'

export function addIdentity(program: Command): void {
  const identity = program
    .command('identity')
    .description('keep the key of a volunteer or of a run as words on paper')
  const told = (name: string, description: string) =>
    identity
      .command(name)
      .description(description)
      .argument('<where>', WHERE)
      .option('--cache <dir>', 'where keys of volunteers are kept, if `join` was told')
      .addOption(new Option('--json', 'print data as JSON on stdout, for scripts'))
  told('backup', 'say whose key it is, and show the 24 words that it can be made of again')
    .option('--show-words', 'print them: whoever reads them has the key')
    .action(async (where, options) => (await import('./identity.ts')).backup(where, options))
  told('restore', 'make the key of its 24 words again, asked for or read from stdin')
    .option('--force', 'in the place of another identity, which is kept beside it')
    .addHelpText(
      'after',
      `
The words stand for the key's 32 bytes (BIP-39, English list, no passphrase) and are no argument, as
a shell remembers those. Case and line breaks do not matter, nor do numbers before the words.`,
    )
    .action(async (where, options) => (await import('./identity.ts')).restore(where, options))
}
