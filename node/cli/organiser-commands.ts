/** The commands by which an organiser decides about a run, whether it is hosted now or not. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  INVITE_NAME_LENGTH_MAX,
  inviteTermsSchema,
  MEMBERS_MAX,
  parse,
  REASON_LENGTH_MAX,
} from '../../protocol/index.ts'
import { duration } from './sizes.ts'

const json = () => new Option('--json', 'print data as JSON on stdout, for scripts')

export function addOrganising(program: Command): void {
  const RUN = 'folder of the run, hosted on this machine or not'
  const PEER = "id of a peer, the end of it that the pages show, or a volunteer's name"
  program
    .command('kick')
    .description('ban a volunteer from a run, and take back what it did')
    .argument('<run>', RUN)
    .argument('<peer>', PEER)
    .option('--reason <text>', 'what the volunteer is told', reasonText, 'the organiser said so')
    .addOption(json())
    .action(async (...given) => (await import('./organise.ts')).kick(given[0], given[1], given[2]))
  program
    .command('unban')
    .description('let a banned volunteer take part again; what was taken back stays so')
    .argument('<run>', RUN)
    .argument('<peer>', PEER)
    .addOption(json())
    .action(async (...given) => (await import('./organise.ts')).unban(given[0], given[1], given[2]))
  addInvites(program, RUN)
  program
    .command('allow')
    .description('add a volunteer to those who may take part, of a run that has a list of them')
    .argument('<run>', RUN)
    .argument('<peer>', 'id of a peer: the whole of it where it never took part')
    .addOption(json())
    .action(async (...given) => (await import('./invites.ts')).allow(given[0], given[1], given[2]))
  program
    .command('backup')
    .description('copy a run while it goes on; into the same folder again, only what is new')
    .argument('<run>', RUN)
    .argument('<folder>', 'where the copy is, or is to be')
    .addOption(json())
    .action(async (...given) => (await import('./backup.ts')).backup(given[0], given[1], given[2]))
  program
    .command('rewind')
    .description('go on from the adapter of an earlier round; what came later is done again')
    .argument('<run>', RUN)
    .requiredOption('--round <n>', 'so many rounds are left; 0: begin again', roundsLeft)
    .addOption(json())
    .action(async (run, options) => (await import('./organise.ts')).rewind(run, options))
}

function reasonText(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new InvalidArgumentError('It must be one line of text.')
  if (text.length <= REASON_LENGTH_MAX) return text
  throw new InvalidArgumentError(
    `It must have at most ${REASON_LENGTH_MAX} characters: it has ${text.length}.`,
  )
}

function addInvites(program: Command, run: string): void {
  const invite = program
    .command('invite')
    .description('make, list and revoke links with terms of their own')
  invite
    // Words are a run's folder, unless they are those of another command.
    .command('make', { isDefault: true })
    .description('make a link for some volunteers, with a name, an end, and so many places')
    .argument('<run>', run)
    .requiredOption('--name <name>', 'what you call it, to list and revoke it by', inviteName)
    .addOption(
      new Option('--expires <time>', 'how long new ones may come by it, as 12h or 7d, or never')
        .argParser(expiry)
        .default(EXPIRES_DAYS * DAY_MS, `${EXPIRES_DAYS}d`),
    )
    .option(
      '--members <n>',
      'so many take part by it at the same time (default: no limit)',
      memberCount,
    )
    .addOption(json())
    .action(async (...given) => (await import('./invites.ts')).invite(given[0], given[1]))
  invite
    .command('list')
    .description('the invites of a run, and how many take part by each')
    .argument('<run>', run)
    .addOption(json())
    .action(async (...given) => (await import('./invites.ts')).listInvites(given[0], given[1]))
  invite
    .command('revoke')
    .description('let nobody come by an invite any more; kick those whom you want out')
    .argument('<run>', run)
    .argument('<name>', 'what the invite is called')
    .addOption(json())
    .action(async (...given) =>
      (await import('./invites.ts')).revokeInvite(given[0], given[1], given[2]),
    )
}

const DAY_MS = 86_400_000
/** An invite lasts so long unless its maker says otherwise. */
const EXPIRES_DAYS = 7

/** `never` is Infinity: what is null an option takes for an empty text. */
function expiry(text: string): number {
  return text === 'never' ? Number.POSITIVE_INFINITY : duration(text)
}

function inviteName(text: string): string {
  const { name } = inviteTermsSchema.fields
  try {
    return parse(name, text, 'name')
  } catch {
    throw new InvalidArgumentError(
      `It must have 1 to ${INVITE_NAME_LENGTH_MAX} letters of a to z, digits, dots, dashes and ` +
        'underscores.',
    )
  }
}

function memberCount(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0 && value <= MEMBERS_MAX) return value
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MEMBERS_MAX}.`)
}

function roundsLeft(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('It must be a whole number, 0 or more.')
}
