/**
 * `barnraise watch LINK`: the dashboard in a terminal. Lines for what happens, and at the bottom
 * the leases of the newest rounds, who was refused, and where the run stands; `--json` prints the
 * changes as they come.
 */

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '../../protocol/index.ts'
import { followRun, nothingSeen } from '../history/events.ts'
import { byteSize, compact, doneOf, roundWords, speedOf, timeLeft } from '../history/figures.ts'
import type { Changes, Tables } from '../history/rows.ts'
import { scoreLine } from '../history/score-line.ts'
import { learningWords, measuredOf } from '../history/verdict.ts'
import { UnreachableError } from '../network/errors.ts'
import { type RunPages, runPages } from '../network/run-pages.ts'
import { unreachable } from '../network/unreachable.ts'
import { checkRunFolder, type RunFolder, runFolder } from '../run/run-folder.ts'
import { command, quoted } from './command.ts'
import { onInterrupt } from './interrupt.ts'
import { printJson } from './output.ts'
import { bar, clockTime, createScreen, paint, type Screen, visible } from './terminal.ts'
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

/** What is done with what was heard. */
type Show = (tables: Tables, changes: Changes) => void

export async function watch(
  link: string,
  { json }: { json?: boolean },
  patience: Patience = PATIENCE,
): Promise<void> {
  const pages = runPages(existsSync(link) ? await linkOfHost(runFolder(link)) : link)
  const screen = createScreen(json ? process.stderr : process.stdout)
  const stopping = new AbortController()
  const stopListening = onInterrupt(() => stopping.abort())
  const show: Show = json ? (_, changes) => printJson(changes) : createView(screen)
  const seconds = patience.retryMs / 1000
  const tell = ({ message }: Error) =>
    screen.update(`${message}; trying again in ${seconds} s (Ctrl-C stops)`)
  try {
    await followToTheEnd(pages, { show, tell, signal: stopping.signal }, patience).catch(
      (error: Error) => {
        throw existsSync(link) && error instanceof UnreachableError ? notHosted(link, error) : error
      },
    )
  } finally {
    stopListening()
    screen.clear()
    await pages.stop()
  }
}

/** Its own organiser has nobody to ask. */
const notHosted = (folder: string, cause: UnreachableError): UnreachableError =>
  new UnreachableError(
    `Cannot watch the run in '${folder}' as nobody hosts it now: ` +
      `\`${command(`host ${quoted(folder)}`)}\` does`,
    cause,
  )

interface Watching {
  show: Show
  /** A break is told. */
  tell(broken: UnreachableError): void
  signal: AbortSignal
}

/** @throws UnreachableError when the coordinator was never there, or is gone for good */
async function followToTheEnd(
  pages: RunPages,
  { show, tell, signal }: Watching,
  { retryMs, retriesMax }: Patience,
): Promise<void> {
  const seen = nothingSeen()
  let failures = 0
  while (!signal.aborted) {
    const heard: Show = (tables, changes) => {
      failures = 0
      show(tables, changes)
    }
    const { isFinished, broken } = await followOnce(pages, seen, heard, signal)
    if (isFinished || signal.aborted) return
    if (broken !== null) {
      failures += 1
      if (seen.id === '' || failures > retriesMax) {
        throw broken
      }
      tell(broken)
    }
    await delay(retryMs, null, { signal }).catch(() => {})
  }
}

/** Follows the run to its end, or to the next break. */
async function followOnce(
  { address, ask }: RunPages,
  seen: ReturnType<typeof nothingSeen>,
  heard: Show,
  signal: AbortSignal,
): Promise<{ isFinished: boolean; broken: UnreachableError | null }> {
  try {
    for await (const { tables, changes } of followRun(address, seen, signal, ask)) {
      heard(tables, changes)
      if (tables.run?.phase === 'finished') return { isFinished: true, broken: null }
    }
    return { isFinished: false, broken: null }
  } catch (error) {
    const broken = error instanceof UnreachableError ? error : unreachable([address], error)
    return { isFinished: false, broken }
  }
}

/** The link of a run on this machine: whoever hosts it has left it in its folder. */
async function linkOfHost(folder: RunFolder): Promise<string> {
  checkRunFolder(folder)
  if (existsSync(folder.link)) return (await readFile(folder.link, 'utf8')).trim()
  throw new ConfigError(
    `Cannot watch the run in '${folder.root}' as nobody has hosted it yet: ` +
      `\`${command(`host ${quoted(folder.root)}`)}\` does`,
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
      const time = new Date(at).toTimeString().slice(0, 8)
      const line = visible(text)
      const shown = tone === 'warn' ? paint('yellow', line, process.stdout) : line
      screen.print(`${paint('dim', time, process.stdout)}  ${shown}`)
    }
    const losses = lossLine(tables)
    if (losses !== shownLosses) screen.print(losses)
    shownLosses = losses
    screen.update([...happening(tables), standing(tables)].join('\n'))
    // What stands at the bottom goes with the program.
    if (run.phase === 'finished') for (const line of happening(tables)) screen.print(line)
  }
}

function happening(tables: Tables): string[] {
  const width = (process.stdout.columns ?? COLUMNS) - 1
  return [...gridLines(tables, width), ...refusalLines(tables)]
}

/** The curve, and what it means; below it the scores, where there are any. */
function lossLine({ rounds, run }: Tables): string {
  const measured = measuredOf(rounds.values(), run?.metric)
  const losses = measured.map(({ loss }) => loss)
  const scores = scoreLine(rounds.values())
  const words = `${sparkline(losses.slice(-LOSSES_SHOWN))}  ${learningWords(measured)}`
  return scores === null ? words : `${words}\n${scores}`
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
  return [
    `${bar(doneOf(run), BAR_WIDTH)} round ${roundWords(run)}`,
    `${run.hereCount} here`,
    `${compact(run.countedTokens)} tokens, ${compact(speedOf(run, tables.peers.values()))}/s`,
    `${byteSize(run.uploadedBytes)} uploaded`,
    `${clockTime((run.at - run.startedAt) / 1000)} so far`,
    `${timeLeft(run)} left`,
  ].join(' · ')
}
