/** `barnraise join` without a link: shows the runs on this network, and joins the one chosen. */
import { isCancel, select, text } from '@clack/prompts'
import { ConfigError } from '../../protocol/index.ts'
import { findNearby, type NearbyRun } from '../network/nearby.ts'
import { joinCommand } from './command.ts'
import { printJson } from './output.ts'
import { createScreen, visible } from './terminal.ts'

/** What `join` asks a user by. */
export interface Asker {
  which(runs: readonly NearbyRun[]): Promise<NearbyRun | null>
  /** The link that the organiser gave; empty where the run is open to all. */
  link(run: NearbyRun): Promise<string | null>
}

/**
 * The link of the run that is chosen; null: nobody chose.
 * @throws ConfigError when there is none, or nobody to choose
 */
export async function chooseNearby(
  { json = false }: { json?: boolean },
  isTerminal = process.stdin.isTTY === true,
  find = findNearby,
  asker: Asker = ASKER,
): Promise<string | null> {
  const screen = createScreen(process.stderr)
  screen.update('looking for runs on this network')
  const runs = await find().finally(screen.clear)
  if (json) printJson({ type: 'nearby', runs })
  if (runs.length === 0) {
    throw new ConfigError(
      'Cannot join as no link is given and no run is found on this network: ask the organiser ' +
        'for the link',
    )
  }
  if (json || !isTerminal) {
    const shown = runs.map((run) => `\n  ${wordsFor(run)}`).join('')
    throw new ConfigError(
      `Cannot join as no link is given: on this network there are${shown}\nThe organiser has ` +
        `the link; it looks like \`${joinCommand(`${runs[0]!.page}#join=…`)}\``,
    )
  }
  const run = await asker.which(runs)
  const link = run === null ? null : await asker.link(run)
  if (run === null || link === null) return null
  // Whoever answers on a network may be anybody: no word of a link is told to a page heard there.
  return link.trim() === '' ? `${run.page}#join=` : link.trim()
}

const wordsFor = ({ name, base, organiser, page }: NearbyRun): string => {
  const whose = organiser === '' ? '' : ` of ${organiser}`
  return visible(`${name || 'a run'}${whose}, which trains ${base || 'a model'}, at ${page}`)
}

const ASKER: Asker = {
  async which(runs) {
    const options = runs.map((run) => ({ value: run, label: wordsFor(run) }))
    const chosen = await select({ message: 'Which run?', options })
    return isCancel(chosen) ? null : chosen
  },
  async link() {
    const link = await text({
      message: "The organiser's link (nothing, where the run is open to all)",
      defaultValue: '',
    })
    return isCancel(link) ? null : link
  },
}
