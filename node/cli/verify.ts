/**
 * `barnraise verify WHERE`: a run checked without its keys. Exit code 3 when something does not
 * fit, with the first record that does not; 7 where there is nothing yet that could.
 */
import { randomInt } from 'node:crypto'
import { ConfigError, counted } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { createRunFigures } from '../history/run-figures.ts'
import type { CheckedExport } from '../run/check-export.ts'
import { mismatchText } from '../run/mismatch.ts'
import { nothingToVerify, type Replay, type Trusted, type VerifyProgress } from '../run/verify.ts'
import {
  type RunVerification,
  type VerifyRunOptions,
  verifyPublished,
  verifyRun,
} from '../run/verify-run.ts'
import { evidenceAt } from './evidence-at.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printLine, printTable } from './output.ts'
import { clockTime, createScreen } from './terminal.ts'
import { CLAIM, receiptIn, verifyReceipt } from './verify-receipt.ts'

export interface VerifyCommandOptions {
  run?: string
  coordinator?: string
  replay?: boolean
  /** Share of the steps, from 0 to 1. */
  sample?: number
  seed?: number
  /** A PEFT folder that is said to come from the run. */
  export?: string
  threads: number
  memory: number
  json?: boolean
}

export async function verify(where: string, options: VerifyCommandOptions): Promise<void> {
  const replay = replayOf(options)
  const receipt = await receiptIn(where)
  if (receipt !== null) {
    refuseForReceipt(options)
    const { run = null, coordinator = null, json = false } = options
    return verifyReceipt(receipt, { run, coordinator }, json)
  }
  const screen = createScreen(process.stderr)
  const { from, trusted: told, close } = evidenceAt(where)
  const trusted: Trusted = {
    run: options.run ?? told.run,
    coordinator: options.coordinator ?? told.coordinator,
  }
  const tell = createTeller()
  const how: VerifyRunOptions = {
    trusted,
    replay,
    exported: options.export ?? null,
    figuresOf: createRunFigures,
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    hear: (progress) => screen.update(tell(progress)),
  }
  const verifying =
    from.type === 'folder' ? verifyRun(from.folder, how) : verifyPublished(from.place, how)
  const result = await verifying.finally(screen.clear).finally(close)
  if (options.json) printVerdict(result, trusted, replay)
  else printReport(result, trusted, replay)
  if (result.ok) return
  const nothing = nothingToVerify(result)
  if (nothing !== null) throw new CommandFailure(EXIT.nothingToVerify, nothing)
  const faults = result.mismatches.map((found) => `\n  ${mismatchText(found)}`).join('')
  throw new CommandFailure(EXIT.verificationFailed, `the run does not verify:${faults}`)
}

const OF_RUNS = ['replay', 'sample', 'seed', 'export'] as const

function refuseForReceipt(options: VerifyCommandOptions): void {
  const given = OF_RUNS.find((name) => options[name] !== undefined)
  if (given === undefined) return
  throw new ConfigError(
    `Cannot verify a receipt with '--${given}' as it holds no steps, only what was signed: leave ` +
      'it out, or give the run',
  )
}

const SEED_END = 2 ** 32

/** @throws ConfigError where the options speak against one another */
function replayOf({ replay, sample, seed }: VerifyCommandOptions): Replay | null {
  if (replay && sample !== undefined) {
    throw new ConfigError(
      "Cannot verify with '--replay' and '--sample' as one trains all steps again and the other " +
        'a share of them: leave one out',
    )
  }
  if (seed !== undefined && sample === undefined) {
    throw new ConfigError("Cannot draw with '--seed' as nothing is drawn: say '--sample', too")
  }
  if (replay) return { type: 'share', share: 1, seed: 0 }
  if (sample === undefined) return null
  return { type: 'share', share: sample, seed: seed ?? randomInt(SEED_END) }
}

/** Null: nothing was drawn. */
const seedOf = (replay: Replay | null): number | null =>
  replay === null || (replay.type === 'share' && replay.share === 1) ? null : replay.seed

/** Words for what is being done, with the time that it will take yet. */
function createTeller(): (progress: VerifyProgress) => string {
  const started = performance.now()
  return (progress) => {
    if (progress.type === 'reading') return `reading the journal: ${progress.entries} entries`
    const { rounds, roundsTotal, replayedSteps, stepsTotal } = progress
    const done = stepsTotal > 0 ? replayedSteps / stepsTotal : rounds / Math.max(1, roundsTotal)
    const elapsed = (performance.now() - started) / 1000
    const left = done > 0 ? `, ${clockTime((elapsed / done) * (1 - done))} left` : ''
    const steps =
      stepsTotal > 0 ? `, ${replayedSteps} of ${counted(stepsTotal, 'step')} trained again` : ''
    return `merged ${rounds} of ${counted(roundsTotal, 'round')} again${steps}${left}`
  }
}

/**
 * What was looked at on a line of its own, and last the verdict. What the user said, what the run
 * says of itself, and what was derived from its bytes stand apart.
 */
function printVerdict(result: RunVerification, given: Trusted, replay: Replay | null): void {
  const { ok, adapterSha256, rounds, replayedSteps, mismatches, runId, claimed, ...rest } = result
  const derived = { run: runId, adapterSha256 }
  const seed = seedOf(replay)
  printJson({ type: 'verification', given, claimed, derived, ...rest, seed, mismatches })
  const firstMismatch = mismatches[0] ?? null
  printJson({ ok, adapterSha256, rounds, replayedSteps, firstMismatch })
}

function printReport(result: RunVerification, trusted: Trusted, replay: Replay | null): void {
  const { runId, coordinator, entries, signatures, rounds, adapterSha256, exported } = result
  printTable([
    ['run', `${runId ?? 'unknown'}${trusted.run === null ? CLAIM : ''}`],
    ['coordinator', `${coordinator ?? 'unknown'}${trusted.coordinator === null ? CLAIM : ''}`],
    ['journal', `${entries} entries, each follows from the one before`],
    ['signatures', `${counted(signatures, 'contribution')}, each signed by its maker`],
    ['rounds', `${rounds} merged again from the stored payloads`],
    ['steps', stepsText(result, replay)],
    ['adapter', adapterText(adapterSha256)],
    ...(exported === null ? [] : [['export', exportText(exported)] as const]),
    ['verified', result.ok ? 'yes, bit for bit' : (nothingToVerify(result) ?? 'NO')],
  ])
  printLine('\nNot checked:')
  for (const gap of result.notChecked) printLine(`  ${gap}`)
}

function stepsText(
  { replayedSteps, countedSteps, takenBackSteps }: RunVerification,
  replay: Replay | null,
): string {
  const others = takenBackSteps === 0 ? '' : `; ${takenBackSteps} more were merged, taken back`
  if (replay === null) return `none of ${countedSteps} trained again: --replay does that${others}`
  const seed = seedOf(replay)
  const drawn = seed === null ? '' : `, drawn with --seed ${seed}`
  return `${replayedSteps} of ${countedSteps} trained again${drawn}${others}`
}

/** An exported file has a digest of its own: its format puts other bytes around the scalars. */
function adapterText(sha256: string | null): string {
  return sha256 === null ? 'none' : `${sha256}, of its scalars: an exported file has another`
}

function exportText({ folder, round }: CheckedExport): string {
  return round === null ? folder : `${folder}, after round ${round}`
}
