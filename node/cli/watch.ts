/**
 * `barnraise watch LINK`: the dashboard in a terminal. Lines for what happens, and at the bottom
 * the leases of the newest rounds, who was refused, and where the run stands; `--json` prints the
 * changes as they come.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '../../protocol/errors.ts'
import { followRun, nothingSeen } from '../dashboard/events.ts'
import { doneOf, learningWords, speedOf, timeLeft } from '../dashboard/figures.ts'
import type { Changes, Tables } from '../dashboard/rows.ts'
import { EXIT } from '../exit-code.ts'
import { pageAddress, parseLink } from '../network/link.ts'
import { CommandFailure } from './failure.ts'
import { onInterrupt } from './interrupt.ts'
import { printJson } from './output.ts'
import {
  bar,
  byteSize,
  clockTime,
  compact,
  createScreen,
  paint,
  type Screen,
  visible,
} from './terminal.ts'
import { gridLines, refusalLines } from './watch-grid.ts'

const BAR_WIDTH = 20
const LOSSES_SHOWN = 40
/** How long one who watches waits for a coordinator that is gone. */
export interface Patience {
  retryMs: number
  /** So often in a row without an answer, and the coordinator is gone for good. */
  retriesMax: number
}
const PATIENCE: Patience = { retryMs: 2_000, retriesMax: 30 }
const COLUMNS = 80

export async function watch(
  link: string,
  { json }: { json?: boolean },
  { retryMs, retriesMax }: Patience = PATIENCE,
): Promise<void> {
  const page = pageOf(link)
  const screen = createScreen(json ? process.stderr : process.stdout)
  const stopping = new AbortController()
  const stopListening = onInterrupt(() => stopping.abort())
  const seen = nothingSeen()
  const show = createView(screen)
  let failures = 0
  try {
    while (!stopping.signal.aborted) {
      try {
        for await (const { tables, changes } of followRun(page, seen, stopping.signal)) {
          failures = 0
          if (json) printJson(changes)
          else show(tables, changes)
          if (tables.run?.phase !== 'finished') continue
          if (!json) for (const line of happening(tables)) screen.print(line)
          return
        }
      } catch (error) {
        if (stopping.signal.aborted) return
        failures += 1
        if (seen.id === '' || failures > retriesMax) {
          throw new CommandFailure(EXIT.unreachable, `cannot watch: ${messageOf(error)}`)
        }
        screen.update('the coordinator does not answer; trying again')
      }
      await delay(retryMs, null, { signal: stopping.signal }).catch(() => {})
    }
  } finally {
    stopListening()
    screen.clear()
  }
}

/** Where the pages are: a page's own address, or the one that goes with a link. */
function pageOf(link: string): string {
  if (/^https?:\/\//.test(link) && URL.canParse(link)) {
    const { origin, pathname } = new URL(link)
    return origin + pathname
  }
  const pages = parseLink(link)
    .addresses.map(pageAddress)
    .filter((page) => page !== null)
  if (pages.length > 0) return pages[0]!
  throw new ConfigError(
    'Cannot watch as no address of this link takes browsers: give that of the page, http://…',
  )
}

function createView(screen: Screen): (tables: Tables, changes: Changes) => void {
  let shownLosses = ''
  return (tables, changes) => {
    const run = tables.run!
    if (changes.reset) {
      screen.print(`${visible(run.name)}: ${visible(run.base)} learns from ${visible(run.dataset)}`)
    }
    for (const { at, tone, text } of changes.log) {
      const time = new Date(at).toLocaleTimeString()
      const line = visible(text)
      const shown = tone === 'warn' ? paint('yellow', line, process.stdout) : line
      screen.print(`${paint('dim', time, process.stdout)}  ${shown}`)
    }
    const losses = lossLine(tables)
    if (losses !== shownLosses) screen.print(losses)
    shownLosses = losses
    screen.update([...happening(tables), standing(tables)].join('\n'))
  }
}

function happening(tables: Tables): string[] {
  const width = (process.stdout.columns ?? COLUMNS) - 1
  return [...gridLines(tables, width), ...refusalLines(tables)]
}

/** The curve, and what it means. */
function lossLine({ rounds }: Tables): string {
  const all = [...rounds.values()].sort((a, b) => a.round - b.round)
  const losses = all.flatMap(({ heldOutLoss }) => (heldOutLoss === null ? [] : [heldOutLoss]))
  return `${sparkline(losses.slice(-LOSSES_SHOWN))}  ${learningWords(all)}`
}

const LEVELS = '▁▂▃▄▅▆▇█'

/** Values as bars, from the least to the largest of them. */
export function sparkline(values: readonly number[]): string {
  const [min, max] = [Math.min(...values), Math.max(...values)]
  const level = (value: number) =>
    max === min ? 0 : Math.round(((value - min) / (max - min)) * (LEVELS.length - 1))
  return values.map((value) => LEVELS[level(value)]).join('')
}

function standing(tables: Tables): string {
  const run = tables.run!
  const round = Math.min(run.round + 1, run.roundsMax)
  return [
    `${bar(doneOf(run), BAR_WIDTH)} round ${round}/${run.roundsMax}`,
    `${run.hereCount} here`,
    `${compact(run.countedTokens)} tokens, ${compact(speedOf(run, tables.peers.values()))}/s`,
    `${byteSize(run.uploadedBytes)} uploaded`,
    `${clockTime((run.at - run.startedAt) / 1000)} so far`,
    `${timeLeft(run)} left`,
  ].join(' · ')
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message
}
