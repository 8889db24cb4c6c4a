/** Does what the coordinator's effects say, one case an effect, and feeds the outcomes back. */

import {
  type AggregationJob,
  type AuditJob,
  type CoordinatorEffect,
  coinKeyOf,
} from '../../coordinator/index.ts'
import { type Evaluation, lossOf, parseOuterState } from '../../kernels/index.ts'
import {
  assertNever,
  type BlobReference,
  ConfigError,
  type Digest,
  digestOf,
  encode,
  LOSS_MAX,
  type Notice,
  type PeerId,
  reasonOf,
  signingBytes,
  traceStart,
} from '../../protocol/index.ts'
import { floatsOf } from '../compute/floats.ts'
import type { Sequences } from '../dataset/shards.ts'
import { heard } from '../heard.ts'
import type { Log } from '../log.ts'
import { correctedState, type MergeWorld, mergeRound } from '../run/merge-round.ts'
import { repeatSteps } from '../run/repeat-steps.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { AdapterScorer } from '../text/score-adapter.ts'
import type { NewEvent } from './coordinator-shell.ts'

export interface CoordinatorWorld extends MergeWorld {
  blobs: BlobStore
  log: Log
  /** The held-out sequences. */
  validation: Sequences
  /** The general text; null: it is not watched. */
  general: Sequences | null
  coinSecret: Uint8Array
  /** Does one thing after the other: the trainer, which evaluates and audits, is one. */
  bench<T>(work: () => Promise<T>): Promise<T>
  sign(bytes: Uint8Array): Promise<Uint8Array>
  notify(to: PeerId | 'all', notice: Notice): void
  disconnect(peer: PeerId): void
  feed(event: NewEvent): void
  /** What the gate measures on, part of the held-out sequences or all, and what it found. */
  gate: { text: Sequences; measured: Map<Digest | null, Promise<Evaluation>> }
  /** Scores adapters; null: the run has no questions. */
  scorer: AdapterScorer | null
  /** Settles when none is being scored; it never rejects. */
  scoring: Promise<void>
  /** Settles when no merge is in progress; it never rejects. */
  merging: Promise<void>
  /** The newest merge that was asked for. */
  attempt: number
  /** An effect that the run cannot go on without has failed. */
  onFatal(error: Error): void
}

type Performed = Exclude<CoordinatorEffect, { type: 'reply' }>

export function performCoordinatorEffect(world: CoordinatorWorld, effect: Performed): void {
  switch (effect.type) {
    case 'notify':
      return world.notify(effect.to, effect.notice)
    case 'disconnect':
      world.log.info(`Disconnecting ${effect.peer}: ${effect.reason}`)
      return world.disconnect(effect.peer)
    case 'stop':
      return world.onFatal(
        new ConfigError(`Stopped: ${effect.reason}. When that is mended, the same command goes on`),
      )
    case 'log':
      return world.log[effect.level](effect.text)
    case 'audit':
      world.bench(() => audit(world, effect.job)).then(world.feed, world.onFatal)
      return
    case 'publish-coin':
      return publishCoin(world, effect.published)
    case 'aggregate':
      world.attempt = effect.job.attempt
      // One after the other: a compute thread has one merge open at a time.
      world.merging = world.merging.then(() => mergeNewest(world, effect.job)).catch(world.onFatal)
      return
    case 'score':
      world.scoring = world.scoring.then(() => score(world, effect)).then(world.feed, world.onFatal)
      return
    case 'sum-up-scores':
      return world.feed(sumUp(world, effect))
    case 'evaluate':
      world.bench(() => evaluate(world, effect)).then(world.feed, world.onFatal)
      return
    default:
      assertNever(effect)
  }
}

/** What was asked for before the newest is waited for by nobody. */
async function mergeNewest(world: CoordinatorWorld, job: AggregationJob): Promise<void> {
  if (job.attempt === world.attempt) world.feed(await aggregate(world, job))
}

function publishCoin({ coinSecret, feed }: CoordinatorWorld, published: number): void {
  const key = coinKeyOf(coinSecret, published)
  feed({ type: 'coin-published', key, next: digestOf(coinKeyOf(coinSecret, published + 1)) })
}

async function evaluate(
  world: CoordinatorWorld,
  { round, adapter, checkpoint }: Extract<CoordinatorEffect, { type: 'evaluate' }>,
): Promise<NewEvent> {
  const values = checkpoint?.digest ?? null
  const isKnown = world.gate.text === world.validation
  const known = isKnown
    ? measuredOnGate(world, values)
    : measuredOn(world, world.validation, values)
  const measured = await known
  // An adapter that is no use at all has a loss that is no number.
  const loss = bounded(lossOf(measured))
  const event = { type: 'evaluated', round, adapter, loss, ...ratedIn(measured) } as const
  if (world.general === null) return event
  const generalLoss = bounded(lossOf(await measuredOn(world, world.general, values)))
  return { ...event, generalLoss }
}

/** Nothing where no answers are rated. */
function ratedIn({ judged }: Evaluation): { accuracy?: number; margin?: number } {
  if (judged === undefined) return {}
  const { rated, right, marginSum } = judged
  const margin = marginSum / rated
  // Beyond the bounds of a message it says nothing, as where it is no number.
  return { accuracy: right / rated, margin: Math.abs(margin) < MARGIN_MAX ? margin : 0 }
}

const MARGIN_MAX = 1e9

/** The run goes on without a score that comes to nothing, and says so. */
async function score(
  { scorer, blobs }: CoordinatorWorld,
  { round, adapter, checkpoint, first, rows }: Extract<CoordinatorEffect, { type: 'score' }>,
): Promise<NewEvent> {
  const about = { type: 'piece-scored', round, adapter, first } as const
  try {
    const values = checkpoint === null ? null : floatsOf(await blobs.read(checkpoint.digest))
    const outcomes = await there(scorer).answer(values, { first, rows })
    return { ...about, outcomes, reason: null }
  } catch (error) {
    return { ...about, outcomes: null, reason: reasonOf((error as Error).message) }
  }
}

function sumUp(
  { scorer }: CoordinatorWorld,
  { round, adapter, outcomes }: Extract<CoordinatorEffect, { type: 'sum-up-scores' }>,
): NewEvent {
  const about = { type: 'scored', round, adapter } as const
  try {
    return { ...about, scores: there(scorer).sumUp(outcomes), reason: null }
  } catch (error) {
    return { ...about, scores: null, reason: reasonOf((error as Error).message) }
  }
}

function there(scorer: AdapterScorer | null): AdapterScorer {
  if (scorer === null) throw new Error('Invariant broken: the run has nothing to score on')
  return scorer
}

/** What could not be repeated here is repeated elsewhere. */
async function audit(world: CoordinatorWorld, job: AuditJob): Promise<NewEvent> {
  const { config, compute, blobs, runId, log } = world
  const { auditId, leaseId, peer, start } = job
  const { round, base } = start
  const seed = traceStart({ runId, round, leaseId, peer, base })
  const read = ({ digest }: BlobReference) => blobs.read(digest)
  try {
    const result = await repeatSteps({ config, compute, read }, { ...job, leaseId: auditId, seed })
    return { type: 'audited', auditId, result }
  } catch (error) {
    log.warn(`Steps of lease ${leaseId} cannot be repeated here: ${(error as Error).message}`)
    return { type: 'audited', auditId, result: null }
  }
}

/** @param adapter the digest of its checkpoint; null: the one that the seed gives */
async function measuredOn(
  { blobs, compute }: CoordinatorWorld,
  sequences: Sequences,
  adapter: Digest | null,
): Promise<Evaluation> {
  const values = adapter === null ? null : floatsOf(await blobs.read(adapter))
  return compute.run('evaluate', { ...sequences, adapter: values })
}

/** What the gate compares; that of a round's base is known from the round before. */
function measuredOnGate(world: CoordinatorWorld, adapter: Digest | null): Promise<Evaluation> {
  const { measured, text } = world.gate
  const known = measured.get(adapter)
  if (known !== undefined) return known
  const made = heard(measuredOn(world, text, adapter))
  measured.set(adapter, made)
  if (measured.size > GATE_LOSSES_KEPT) measured.delete(measured.keys().next().value!)
  return made
}

async function gateLoss(world: CoordinatorWorld, adapter: Digest | null): Promise<number> {
  return lossOf(await measuredOnGate(world, adapter))
}

/** What is told of an evaluation, whatever a model has come to. */
const bounded = (loss: number): number => Math.min(finite(loss), LOSS_MAX)

const finite = (loss: number): number => (Number.isFinite(loss) ? loss : Number.MAX_VALUE)

/**
 * What corrections leave of the base may be worse than it, as they take back what helped: a merge
 * is not to blame for that. 0: there are none.
 */
async function correctedLoss(world: CoordinatorWorld, job: AggregationJob): Promise<number> {
  if (job.corrections.length === 0) return 0
  const corrected = parseOuterState((await correctedState(world, job))!)
  if (corrected.status === 'malformed') throw new Error(`Invariant broken: ${corrected.reason}`)
  const of = { ...world.gate.text, adapter: corrected.state.theta }
  return finite(lossOf(await world.compute.run('evaluate', of)))
}

/** Those of a base, of merges of it that were refused, and of one that is measured. */
const GATE_LOSSES_KEPT = 8

async function aggregate(world: CoordinatorWorld, job: AggregationJob): Promise<NewEvent> {
  const { blobs, sign } = world
  const { aggregate, manifest } = await mergeRound(world, job, (bytes) => blobs.put(bytes))
  const signature = await sign(signingBytes('manifest', manifest))
  const reference = await blobs.put(encode({ manifest, signature }))
  const { round, attempt } = job
  const made = { ...aggregate, manifest: reference }
  if (world.config.aggregation.gate === null) {
    return { type: 'aggregated', round, attempt, aggregate: made }
  }
  const isSeed = job.outerState === null && world.config.adapter.start === undefined
  const base = isSeed ? null : job.base
  const before = await gateLoss(world, base)
  const after = finite(await gateLoss(world, made.checkpoint.digest))
  const losses = { before: Math.max(before, await correctedLoss(world, job)), after }
  return { type: 'aggregated', round, attempt, aggregate: { ...made, losses } }
}
