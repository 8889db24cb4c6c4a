/**
 * A run, checked by somebody who trusts none of it but its RunId and its coordinator's peer id. The
 * same lines run over a run's folder, over a published one, over the web, and in a browser; they
 * differ in where the bytes come from (evidence.ts).
 */
import {
  ConfigError,
  counted,
  type Digest,
  decodeRunConfig,
  digestOf,
  type PeerId,
  type RunConfig,
  type RunId,
  VersionError,
} from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import type { JobLimits } from '../compute/job.ts'
import { checkRunSizes } from '../compute/sizes.ts'
import { checkFigures, type FiguresOf } from './check-figures.ts'
import { countedSteps, drawShare, drawSteps, stepsOf, takenBackSteps } from './draw-picks.ts'
import type { Evidence } from './evidence.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { type RunRecord, readRecord } from './read-record.ts'
import { type RederiveWorld, rederive } from './rederive.ts'
import { firstAdapter, freshState } from './replay.ts'
import type { ReplayPick } from './replay-steps.ts'

/** What a stranger knows of a run beforehand; null: nothing, so that the evidence is believed. */
export interface Trusted {
  /** The RunId, or its first digits, as a link has them. */
  run: string | null
  coordinator: PeerId | null
}

/** What to train again; null: nothing. */
export type Replay =
  | { type: 'share'; share: number; seed: number }
  | { type: 'steps'; count: number; seed: number }

export interface VerifyOptions {
  trusted: Trusted
  replay: Replay | null
  compute: Compute
  limits: JobLimits
  /** Makes the figures again that a page shows; null: they are not compared. */
  figuresOf: FiguresOf | null
  hear(progress: VerifyProgress): void
}

export type VerifyProgress =
  | { type: 'reading'; entries: number }
  | {
      type: 'checking'
      rounds: number
      roundsTotal: number
      replayedSteps: number
      stepsTotal: number
    }

export interface Verification {
  /** All that was looked at fits, and the coordinator has signed some of it. */
  ok: boolean
  /** Null: nothing that could be read says it. */
  runId: RunId | null
  coordinator: PeerId | null
  /** What the evidence says of itself, which what is derived here is held against. */
  claimed: Claimed
  /** Entries of the journal, contributions with a right signature. */
  entries: number
  signatures: number
  /** Rounds merged again, and the manifests of them that the coordinator has signed. */
  rounds: number
  manifests: number
  /** The adapter that follows from the log after those rounds; null: there is no log. */
  adapterSha256: Digest | null
  /** Steps trained again, of those that counted. */
  replayedSteps: number
  countedSteps: number
  /** Steps that were merged once, and count no more. */
  takenBackSteps: number
  /** The first comes first. */
  mismatches: Mismatch[]
  /** What was not looked at, in sentences. */
  notChecked: string[]
}

/** Null: it does not say. */
export interface Claimed {
  run: RunId | null
  coordinator: PeerId | null
  /** The adapter that the run has come to, as its journal has it. */
  adapterSha256: Digest | null
}

export interface Verified {
  verification: Verification
  /** The run as the journal tells it, as far as it fits; null: it is not the run. */
  record: RunRecord | null
}

/**
 * @throws ConfigError when nothing says who coordinated; ProtocolError `version` for a run of
 * another version of the protocol
 */
export async function verify(evidence: Evidence, options: VerifyOptions): Promise<Verified> {
  const { compute, limits, hear, replay, trusted } = options
  const opened = await openEvidence(evidence, trusted)
  const { runId, coordinator } = opened
  const claimed: Claimed = { ...evidence.claimed, adapterSha256: null }
  const verification = Object.assign(nothingYet(), { runId, coordinator, claimed })
  if ('mismatch' in opened) return notTheRun(opened.mismatch, verification)
  const first = await firstOf(evidence, opened.config)
  if ('reason' in first) return notTheRun(first, verification)
  const state = freshState(opened.config, runId)
  const figures = options.figuresOf?.(state) ?? null
  const record = await readRecord(evidence.journal(runId), state, (seq, event, effects) => {
    figures?.observe(seq, event, effects)
    hear({ type: 'reading', entries: seq })
  })
  const picks = picksOf(record, replay)
  const total = { roundsTotal: record.merges.length, stepsTotal: stepsOf(picks) }
  const world = { evidence, compute, coordinator, limits, first, picks }
  const { rounds, manifests, replayedSteps, adapter, mismatch } = await rederive(
    { ...world, hear: (done) => hear({ type: 'checking', ...done, ...total }) },
    record,
  )
  const mismatches = [record.mismatch ?? evidence.checkHead(record.head), mismatch].filter(
    (found) => found !== null,
  )
  const isWhole = mismatches.length === 0
  const shown = isWhole && figures !== null ? await checkFigures(evidence, figures) : null
  if (shown !== null) mismatches.push(shown)
  await evidence.checkRest(opened.config, (found) => mismatches.push(found))
  Object.assign(verification, {
    // Where nothing is signed, anybody may have made it up.
    ok: mismatches.length === 0 && manifests > 0,
    claimed: { ...claimed, adapterSha256: record.state.round.start.base },
    entries: record.head.seq,
    signatures: record.signatures,
    rounds,
    manifests,
    adapterSha256: adapter,
    replayedSteps,
    countedSteps: countedSteps(record),
    takenBackSteps: takenBackSteps(record),
    mismatches,
  } satisfies Partial<Verification>)
  verification.notChecked = notChecked(verification, evidence, record)
  return { verification, record }
}

/**
 * Which run the evidence is of, and whether it is the one that was asked for.
 * @throws as `verify` does
 */
export async function openEvidence(
  evidence: Evidence,
  trusted: Trusted,
): Promise<
  { runId: RunId; coordinator: PeerId } & ({ config: RunConfig } | { mismatch: Mismatch })
> {
  const coordinator = coordinatorOf(evidence, trusted)
  const runId = digestOf(evidence.runConfig)
  const claim = await evidence.checkClaim(coordinator)
  if (claim !== null) return { runId, coordinator, mismatch: claim }
  return { runId, coordinator, ...openConfig(evidence, trusted) }
}

function coordinatorOf({ claimed, place }: Evidence, trusted: Trusted): PeerId {
  const coordinator = trusted.coordinator ?? claimed.coordinator
  if (coordinator !== null) return coordinator
  throw new ConfigError(
    `Cannot verify the run in '${place}' as nothing there says who coordinated it: give its ` +
      "peer id with '--coordinator', as `barnraise host` and the link have it",
  )
}

function nothingYet(): Verification {
  return {
    ok: false,
    runId: null,
    coordinator: null,
    claimed: { run: null, coordinator: null, adapterSha256: null },
    entries: 0,
    signatures: 0,
    rounds: 0,
    manifests: 0,
    adapterSha256: null,
    replayedSteps: 0,
    countedSteps: 0,
    takenBackSteps: 0,
    mismatches: [],
    notChecked: [],
  }
}

/** What is to be said of a run in which all fits, and nothing is signed; null: another verdict. */
export function nothingToVerify({ ok, mismatches }: Verification): string | null {
  if (ok || mismatches.length > 0) return null
  return 'nothing to verify yet: the run has no round that its coordinator has signed'
}

/** What is known where the first thing that was looked at does not fit. */
export function notTheRun(mismatch: Mismatch, verification = nothingYet()): Verified {
  const rest = { mismatches: [mismatch], notChecked: ['everything else'] }
  return { verification: Object.assign(verification, rest), record: null }
}

async function firstOf(
  { blobs, digestOf }: Evidence,
  config: RunConfig,
): Promise<RederiveWorld['first'] | Mismatch> {
  try {
    const bytes = await firstAdapter(config, blobs)
    return { digest: await digestOf(bytes), bytes }
  } catch (error) {
    return { record: 'the adapter that the run begins with', reason: reasonOf(error) }
  }
}

/** The RunConfig, where it is that of the run which was asked for. */
function openConfig(
  { runConfig, claimed }: Evidence,
  trusted: Trusted,
): { config: RunConfig } | { mismatch: Mismatch } {
  const record = 'run-config.bin'
  const found = digestOf(runConfig)
  const wanted = trusted.run ?? claimed.run ?? ''
  if (!found.startsWith(wanted)) {
    return { mismatch: { record, reason: `it is that of run ${found}: it must be ${wanted}` } }
  }
  try {
    const config = decodeRunConfig(runConfig)
    // What it says of sizes is believed from here on.
    checkRunSizes(config)
    return { config }
  } catch (error) {
    if (error instanceof VersionError) throw error
    return { mismatch: { record, reason: reasonOf(error) } }
  }
}

function picksOf(record: RunRecord, replay: Replay | null): ReplayPick[] {
  if (replay === null) return []
  return replay.type === 'share' ? drawShare(record, replay) : drawSteps(record, replay)
}

/** How the adapter was made that the run begins with, if it begins with one. */
function notFollowed({ adapter: { start } }: RunConfig): string[] {
  if (start === undefined) return []
  const what = `how adapter ${start.checkpoint.digest} was made, which the run begins with`
  return [start.parent === null ? what : `${what}: verify run ${start.parent.run} for that`]
}

function notChecked(
  { rounds, replayedSteps, countedSteps: steps, takenBackSteps: others }: Verification,
  { gaps }: Evidence,
  { merges, mismatch, draws, state }: RunRecord,
): string[] {
  const left = merges.length - rounds
  const keys = Array.from(draws.values(), ({ coinKey }) => coinKey)
  const drawn = keys.filter((key) => key === state.coinKey).length
  const lost = keys.length - drawn
  return [
    ...(mismatch === null ? [] : ['the journal after its first entry that does not fit']),
    ...(left > 0 ? [`${counted(left, 'round')} from the first on that does not fit`] : []),
    ...(replayedSteps < steps
      ? [`the training of ${steps - replayedSteps} steps of ${steps}`]
      : []),
    ...(others > 0 ? [`the training of ${counted(others, 'step')}, merged and taken back`] : []),
    ...(drawn > 0 ? [`${drawn} draws of audits: their key comes when the run is over`] : []),
    ...(lost > 0 ? [`${lost} draws of audits: the coordinator lost their key`] : []),
    'the losses on held-out text, scores, and the times: they are what the coordinator wrote down',
    ...notFollowed(state.config),
    ...gaps,
  ]
}
