/**
 * The read model: a run's facts folded into the rows of a dashboard, as they come or from the
 * journal. It never holds more than the tables' limits.
 */
import {
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  isUnsettledManifest,
  unsettledLeases,
} from '../../coordinator/index.ts'
import {
  type Credit,
  credited,
  type Digest,
  type LeaseId,
  NO_CREDIT,
  type PeerId,
  ROUNDS_MAX,
} from '../../protocol/index.ts'
import type { Stated } from '../run/receipt.ts'
import { type Chronicle, createChronicle, type Fact, factsOf, type OpenLease } from './facts.ts'
import {
  type Changes,
  LEASE_STATES,
  LEASES_KEPT,
  type LeaseRow,
  LOG_KEPT,
  type LogRow,
  PEERS_KEPT,
  type PeerRow,
  type RoundRow,
  type RunRow,
} from './rows.ts'
import { changedSince, createTable, put, type Table, takeChanged } from './table.ts'

export interface ReadModel {
  readonly run: RunRow
  /**
   * Sees an event with its effects, and the state as it is after it; returns the facts in it. `seq`
   * is the journal's newest entry then: one that was not accepted has none of its own.
   */
  observe(seq: number, event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): Fact[]
  /** What changed since it was last taken; null: nothing. */
  takeChanges(): Changes | null
  /** What counts of a peer's work by now, for a receipt; null: nothing does. */
  statedOf(peer: PeerId): Omit<Stated, 'coordinator'> | null
  /** Leases whose work may yet be repeated: nobody is told what was found. */
  unsettledLeases(): ReadonlySet<LeaseId>
  /** Whether it is the manifest of a merge with such work in it. */
  isUnsettledManifest(digest: Digest): boolean
  /** What is new to one who knows everything before `seq`; all there is where that is null. */
  changesFrom(seq: number | null): Changes
}

interface Model {
  readonly chronicle: Chronicle
  readonly run: RunRow
  readonly rounds: Table<number, RoundRow>
  readonly leases: Table<LeaseId, LeaseRow>
  readonly peers: Table<PeerId, PeerRow>
  readonly log: Table<number, LogRow>
  logId: number
  /** Number and time of the event that is being folded. */
  now: { seq: number; at: number }
  hasChanged: boolean
}

export function createReadModel(state: CoordinatorState): ReadModel {
  const model: Model = {
    chronicle: createChronicle(state),
    run: newRun(state),
    rounds: createTable(ROUNDS_MAX + 1),
    leases: createTable(LEASES_KEPT),
    peers: createTable(PEERS_KEPT),
    log: createTable(LOG_KEPT),
    logId: 0,
    now: { seq: 0, at: 0 },
    hasChanged: false,
  }
  return {
    run: model.run,
    observe: (seq, event, effects) => {
      const facts = factsOf(model.chronicle, { seq, event, effects })
      begin(model, seq, event.at)
      for (const fact of facts) fold(model, fact)
      end(model)
      return facts
    },
    takeChanges: () => takeChanges(model),
    statedOf: (peer) => statedOf(model.chronicle, peer),
    unsettledLeases: () => unsettledLeases(state),
    isUnsettledManifest: (digest) => isUnsettledManifest(state, digest),
    changesFrom: (seq) => changesFrom(model, seq),
  }
}

function begin(model: Model, seq: number, at: number): void {
  const { run } = model
  model.now = { seq, at }
  run.startedAt ||= at
  run.seq = seq
  run.at = at
}

function end(model: Model): void {
  const { run, chronicle } = model
  Object.assign(run, standingOf(chronicle.state))
  run.hereCount = chronicle.hereCount
  model.hasChanged = true
}

function fold(model: Model, fact: Fact): void {
  switch (fact.type) {
    case 'joined':
      changePeer(model, fact.peer, { name: fact.name })
      return setPresence(model, fact.peer, 'here', null)
    case 'away':
      return setPresence(model, fact.peer, 'away', AWAY_WORDS[fact.cause])
    case 'gone':
      return setPresence(model, fact.peer, 'gone', fact.reason)
    case 'banned':
    case 'unbanned':
      return changePeer(model, fact.peer, { isBanned: fact.type === 'banned' })
    case 'timed':
      return changePeer(model, fact.peer, { stepMs: fact.stepMs })
    case 'leased':
      return onLeased(model, fact.lease)
    case 'committed':
      return reach(model, fact.lease, 'committed')
    case 'stored':
      return onStored(model, fact.lease)
    case 'counted':
      return onCounted(model, fact.lease)
    case 'lost':
    case 'rejected':
      return reach(model, fact.lease, fact.type, fact.reason)
    case 'refused':
      return onRefused(model, fact)
    case 'merged': {
      const { adapter, updateBytes } = fact
      return changeRound(model, fact.round, { mergedAt: model.now.at, adapter, updateBytes })
    }
    case 'rewound':
      return onRewound(model, fact)
    case 'merge-refused':
      model.run.mergesRefused += 1
      return
    case 'taken-back':
      return onTakenBack(model, fact)
    case 'evaluated': {
      const { loss: heldOutLoss, generalLoss, accuracy, margin } = fact
      return changeRound(model, fact.round, { heldOutLoss, generalLoss, accuracy, margin })
    }
    case 'scored':
      return changeRound(model, fact.round, { scores: fact.scores })
    case 'logged':
      return write(model, fact.tone, fact.text)
    case 'closed':
    case 'finished':
  }
}

const AWAY_WORDS = {
  broken: 'its connection broke',
  restarted: 'the coordinator started again',
}

function changeRound({ rounds, now }: Model, round: number, change: Partial<RoundRow>): void {
  const row = rounds.rows.get(round) ?? newRound(round)
  put(rounds, round, Object.assign(row, change), now.seq)
}

function changePeer({ peers, now }: Model, peer: PeerId, change: Partial<PeerRow>): void {
  const row = peers.rows.get(peer) ?? newPeer(peer, now.at)
  put(peers, peer, Object.assign(row, change), now.seq)
}

function setPresence(
  model: Model,
  peer: PeerId,
  state: PeerRow['state'],
  reason: string | null,
): void {
  const before = model.peers.rows.get(peer)
  const since = before?.state === state ? before.since : model.now.at
  changePeer(model, peer, { state, reason, since })
}

function onLeased(model: Model, lease: OpenLease): void {
  const { round } = lease
  reach(model, lease, 'leased')
  const startedAt = model.rounds.rows.get(round)?.startedAt ?? model.now.at
  changeRound(model, round, { startedAt })
}

function onStored(model: Model, lease: OpenLease): void {
  const bytes = lease.work?.bytes ?? 0
  reach(model, lease, 'stored')
  model.run.uploadedBytes += bytes
  const before = model.rounds.rows.get(lease.round)?.uploadedBytes ?? 0
  changeRound(model, lease.round, { uploadedBytes: before + bytes })
}

/** Batches, tokens and loss of a contribution go to its round and to its maker. */
function onCounted(model: Model, lease: OpenLease): void {
  const { round, peer, steps } = lease
  const { tokens, loss } = lease.work ?? { tokens: 0, loss: 0 }
  reach(model, lease, 'counted')
  const before = model.rounds.rows.get(round) ?? newRound(round)
  const tokensSoFar = before.tokens + tokens
  changeRound(model, round, {
    tokens: tokensSoFar,
    trainLoss: ((before.trainLoss ?? 0) * before.tokens + loss * tokens) / tokensSoFar,
    batches: before.batches + steps,
    contributions: before.contributions + 1,
  })
  model.run.contributions += 1
  changePeer(model, peer, { credit: credited(creditIn(model, peer), { tokens, steps }) })
}

const creditIn = ({ peers }: Model, peer: PeerId): Credit =>
  peers.rows.get(peer)?.credit ?? NO_CREDIT

/** The round's loss stays what it was: that of all who trained in it. */
function onTakenBack(
  model: Model,
  { round, contributions }: Omit<FactOf<'taken-back'>, 'type'>,
  reason = 'taken back after its merge',
): void {
  const { rounds, leases, run, now } = model
  for (const { leaseId, peer, steps, tokens } of contributions) {
    const before = rounds.rows.get(round) ?? newRound(round)
    changeRound(model, round, {
      tokens: before.tokens - tokens,
      batches: before.batches - steps,
      contributions: before.contributions - 1,
    })
    run.contributions -= 1
    run.reached.counted -= 1
    run.reached.rejected += 1
    changePeer(model, peer, { credit: credited(creditIn(model, peer), { tokens, steps }, -1) })
    const lease = leases.rows.get(leaseId)
    if (lease === undefined) continue
    put(leases, leaseId, { ...lease, state: 'rejected', reason, seq: now.seq }, now.seq)
  }
}

/** Those rounds are as if they had not begun; the adapter that they went on from stays measured. */
function onRewound(model: Model, { round, dropped }: FactOf<'rewound'>): void {
  dropped.forEach(({ contributions }, index) => {
    onTakenBack(model, { round: round + index, contributions }, 'the run went back')
  })
  const { rows } = model.rounds
  for (const later of [...rows.keys()].filter((each) => each >= round)) {
    const { heldOutLoss, generalLoss, accuracy, margin, scores } = rows.get(later)!
    const own = { heldOutLoss, generalLoss, accuracy, margin, ...(scores && { scores }) }
    put(model.rounds, later, { ...newRound(later), ...(later === round ? own : {}) }, model.now.seq)
  }
}

function reach(
  { leases, run, now }: Model,
  { leaseId, round, peer, steps, work }: OpenLease,
  state: LeaseRow['state'],
  reason: string | null = null,
): void {
  const { tokens, loss, bytes } = work ?? { tokens: 0, loss: null, bytes: 0 }
  const row = { seq: now.seq, leaseId, round, peer, steps, state, reason, tokens, loss, bytes }
  put(leases, leaseId, row, now.seq)
  run.reached[state] += 1
}

function onRefused(model: Model, { peer, name, refusal, reason }: FactOf<'refused'>): void {
  const { refusals } = model.run
  refusals[refusal] = (refusals[refusal] ?? 0) + 1
  const known = model.peers.rows.get(peer)
  if (known !== undefined) changePeer(model, peer, { refusals: known.refusals + 1 })
  write(model, 'warn', `${name} was refused: ${reason}`)
}

type FactOf<T extends Fact['type']> = Extract<Fact, { type: T }>

function write(model: Model, tone: LogRow['tone'], text: string): void {
  const { log, now } = model
  model.logId += 1
  put(log, model.logId, { id: model.logId, seq: now.seq, at: now.at, tone, text }, now.seq)
}

function takeChanges(model: Model): Changes | null {
  if (!model.hasChanged) return null
  model.hasChanged = false
  return {
    reset: false,
    seq: model.now.seq,
    run: model.run,
    rounds: takeChanged(model.rounds),
    leases: takeChanged(model.leases),
    peers: takeChanged(model.peers),
    log: takeChanged(model.log),
  }
}

function changesFrom(model: Model, seq: number | null): Changes {
  const from = seq ?? 0
  return {
    reset: seq === null,
    seq: model.now.seq,
    run: model.run,
    rounds: changedSince(model.rounds, from),
    leases: changedSince(model.leases, from),
    peers: changedSince(model.peers, from),
    log: changedSince(model.log, from),
  }
}

function statedOf({ state, names }: Chronicle, peer: PeerId): Omit<Stated, 'coordinator'> | null {
  const { config, runId, parent, history, records } = state
  const credit = records.get(peer)?.credit ?? NO_CREDIT
  if (parent === null || credit.contributions === 0) return null
  return {
    runName: config.name,
    runId,
    peer,
    name: names.get(peer) ?? peer,
    ...credit,
    rounds: history.length,
    manifest: parent.digest,
  }
}

function standingOf(state: CoordinatorState) {
  const { phase, batchesCounted, tokensCounted: countedTokens } = state
  const { round, learningRate } = state.round.start
  const audits = { ...state.auditCounts }
  return { phase, round, batchesCounted, countedTokens, learningRate, audits }
}

function newRun(state: CoordinatorState): RunRow {
  const { config, runId } = state
  const { training, dataset, base, round } = config
  return {
    seq: 0,
    runId,
    name: config.name,
    base: base.name,
    baseBytes: base.weights.bytes,
    baseBytesSent: 0,
    dataset: dataset.name,
    ...standingOf(state),
    roundsMax: training.roundsMax,
    batchesMax: training.batchesMax,
    stepTokens: training.batchSequences * dataset.sequenceLength,
    roundSeconds: round.seconds,
    startedAt: 0,
    at: 0,
    hereCount: 0,
    contributions: 0,
    uploadedBytes: 0,
    reached: Object.fromEntries(LEASE_STATES.map((name) => [name, 0])) as RunRow['reached'],
    refusals: {},
    mergesRefused: 0,
    ...(training.metric === undefined ? {} : { metric: training.metric }),
  }
}

function newRound(round: number): RoundRow {
  return {
    seq: 0,
    round,
    startedAt: null,
    mergedAt: null,
    trainLoss: null,
    heldOutLoss: null,
    generalLoss: null,
    accuracy: null,
    margin: null,
    tokens: 0,
    batches: 0,
    contributions: 0,
    uploadedBytes: 0,
    updateBytes: 0,
    adapter: null,
  }
}

function newPeer(peer: PeerId, since: number): PeerRow {
  return {
    seq: 0,
    peer,
    name: peer.slice(-8),
    state: 'gone',
    reason: null,
    since,
    stepMs: null,
    credit: NO_CREDIT,
    refusals: 0,
    isBanned: false,
  }
}
