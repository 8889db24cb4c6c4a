/** `barnraise simulate --plan`: a search for the settings that suit these volunteers. */
import { type Prepared, TRIALS_MAX, type Trial } from '../../simulations/index.ts'
import { byteSize } from '../history/figures.ts'
import { type Printer, printJson } from './output.ts'
import { percent } from './simulate-words.ts'
import { bar, type Screen } from './terminal.ts'

const BAR_WIDTH = 20

/** How many of the best are shown. */
const TRIALS_SHOWN = 8

/** What to choose for these volunteers, and what it costs. */
export function planFor(
  prepared: Prepared,
  { print, json }: { print: Printer; json?: boolean },
  screen: Screen,
): void {
  const trials = prepared.plan(({ goodput }, count) =>
    screen.update(`${bar(count / TRIALS_MAX, BAR_WIDTH)} ${count}: ${percent(goodput)}`),
  )
  screen.clear()
  const [best] = trials
  print.columns([
    ['box', 'steps a lease', 'grace', 'quorum', 'goodput', 'uploaded an hour', 'rounds'],
    ...trials.slice(0, TRIALS_SHOWN).map(rowOfTrial),
  ])
  const { seconds, stepsMax, graceSeconds, quorumFraction } = best!
  const keys = {
    round_seconds: seconds,
    lease_steps_max: stepsMax,
    grace_seconds: graceSeconds,
    quorum: quorumFraction,
  }
  print.line('\nIn run.yaml:\n\nswarm:')
  for (const [key, value] of Object.entries(keys)) print.line(`  ${key}: ${value}`)
  if (json) printJson(trials)
}

function rowOfTrial(trial: Trial): string[] {
  const { seconds, stepsMax, graceSeconds, quorumFraction, goodput, bytesPerHour, rounds } = trial
  return [
    `${seconds} s`,
    String(stepsMax),
    `${graceSeconds} s`,
    String(quorumFraction),
    percent(goodput),
    byteSize(bytesPerHour),
    String(rounds),
  ]
}
