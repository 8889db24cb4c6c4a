/**
 * The read model: the run's events folded into the rows of a dashboard, as they come or from the
 * journal. Only `step` decides; this watches the events, their effects and the state after them,
 * and never holds more than the tables' limits. An event costs more only where leases or members
 * vanish, which shows in their number.
 */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent, CoordinatorEventOf } from '../../coordinator/event.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import type { LeaseId, PeerId } from '../../protocol/messages.ts'
import {
  type Changes,
  dropOldest,
  emptyTables,
  LEASE_STATES,
  LEASES_KEPT,
  type LeaseRow,
  type LeaseState,
  LOG_KEPT,
  PEERS_KEPT,
  type PeerRow,
  type RoundRow,
  type RunRow,
} from './rows.ts'

export interface ReadModel {
  readonly run: RunRow
  /**
   * Sees an event with its effects. `seq` is the journal's newest entry then: one that was not
   * accepted has none of its own.
   */
  observe(seq: number, event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void
  /** What changed since it was last taken; null: nothing. */
  takeChanges(): Changes | null
  /** For one who knows everything before `seq`; all there is where that is null. */
  changesFrom(seq: number | null): Changes
}

/** What changed since the last take, by key. */
type Dirty = Record<'rounds' | 'leases' | 'peers' | 'log', Set<never>>

export function createReadModel(state: CoordinatorState): ReadModel {
  const tables = emptyTables()
  const run = newRun(state)
  const open = new Map<LeaseId, LeaseRow>()
  const present = new Map<PeerId, PeerRow>()
  let dirty = noneDirty()
  let isDirty = false
  let logId = 0
  /** Of the event that is being folded. */
  let now = { seq: 0, at: 0 }

  function touch<R extends { seq: number }>(table: keyof Dirty, key: unknown, row: R): R {
    row.seq = now.seq
    dirty[table].add(key as never)
    return row
  }
  function touchRound(round: number): RoundRow {
    const row = tables.rounds.get(round) ?? newRound(round)
    tables.rounds.set(round, row)
    return touch('rounds', round, row)
  }
  function touchPeer(peer: PeerId, name?: string): PeerRow {
    let row = tables.peers.get(peer)
    if (row === undefined) {
      row = newPeer(peer, now.at)
      tables.peers.set(peer, row)
      dropOldest(tables.peers, PEERS_KEPT)
    }
    if (name !== undefined) row.name = name
    return touch('peers', peer, row)
  }
  function write(tone: 'info' | 'warn', text: string): void {
    logId += 1
    const row = { id: logId, seq: now.seq, at: now.at, tone, text }
    tables.log.set(logId, touch('log', logId, row))
    dropOldest(tables.log, LOG_KEPT)
  }
  function reach(row: LeaseRow, reached: LeaseState, reason: string | null = null): void {
    Object.assign(touch('leases', row.leaseId, row), { state: reached, reason })
    run.reached[reached] += 1
    if (reached !== 'leased' && reached !== 'committed' && reached !== 'stored') {
      open.delete(row.leaseId)
    }
  }
  function setPresence(row: PeerRow, presence: PeerRow['state'], reason: string | null): void {
    if (row.state !== presence) row.since = now.at
    run.hereCount += Number(presence === 'here') - Number(row.state === 'here')
    Object.assign(touch('peers', row.peer, row), { state: presence, reason })
    if (presence === 'gone') present.delete(row.peer)
    else present.set(row.peer, row)
  }

  function onReply(event: CoordinatorEventOf<'request'>, effect: CoordinatorEffect): void {
    if (effect.type !== 'reply') return
    const { reply, peer } = effect
    const { request } = event
    if (reply.type === 'joined' && request.type === 'join') {
      setPresence(touchPeer(peer, request.name), 'here', null)
    }
    if (reply.type === 'leased' && !open.has(reply.leaseId)) {
      const { leaseId, round, steps } = reply
      const row: LeaseRow = {
        ...{ seq: now.seq, leaseId, round, peer, steps, state: 'leased', reason: null },
        ...{ tokens: 0, loss: null, bytes: 0 },
      }
      tables.leases.set(leaseId, row)
      dropOldest(tables.leases, LEASES_KEPT)
      open.set(leaseId, row)
      reach(row, 'leased')
      touchRound(round).startedAt ??= now.at
    }
    if (reply.type === 'committed' && request.type === 'commit') {
      const row = open.get(reply.leaseId)
      const { steps, tokens, loss, payload } = request.contribution
      if (row?.state !== 'leased') return
      Object.assign(row, { steps, tokens, loss, bytes: payload.bytes })
      reach(row, 'committed')
    }
    if (reply.type === 'refused') {
      run.refusals[reply.refusal] = (run.refusals[reply.refusal] ?? 0) + 1
      const known = tables.peers.get(peer)
      if (known !== undefined) touchPeer(peer).refusals += 1
      write('warn', `${known?.name ?? peer.slice(-8)} was refused: ${reply.reason}`)
    }
  }

  function onMerged({ round, aggregate }: CoordinatorEventOf<'aggregated'>): void {
    // A merge of which everything was rejected makes no adapter: the same round starts again.
    if (state.round.start.round !== round + 1) return
    Object.assign(touchRound(round), {
      ...{ mergedAt: now.at, adapter: aggregate.adapter },
      updateBytes: aggregate.update.bytes,
    })
  }

  /** Batches, tokens and loss of a contribution go to its round and to its maker. */
  function count(row: LeaseRow): void {
    reach(row, 'counted')
    const round = touchRound(row.round)
    const before = (round.trainLoss ?? 0) * round.tokens
    round.tokens += row.tokens
    round.trainLoss = (before + (row.loss ?? 0) * row.tokens) / round.tokens
    round.batches += row.steps
    round.contributions += 1
    run.contributions += 1
    const maker = touchPeer(row.peer)
    maker.countedTokens += row.tokens
    maker.contributions += 1
  }

  function settleVanished(event: CoordinatorEvent): void {
    for (const row of [...open.values()]) {
      if (state.leases.has(row.leaseId)) continue
      const [end, reason] = endOf(event, row, state)
      if (end === 'counted') count(row)
      else reach(row, end, reason)
    }
  }

  function settleGone(event: CoordinatorEvent): void {
    for (const row of [...present.values()]) {
      if (!state.members.has(row.peer)) setPresence(row, 'gone', goneReason(event, row.peer))
    }
  }

  function onStored(leaseId: LeaseId): void {
    const row = open.get(leaseId)
    if (row?.state !== 'committed') return
    reach(row, 'stored')
    run.uploadedBytes += row.bytes
    touchRound(row.round).uploadedBytes += row.bytes
  }

  function tell(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    for (const effect of effects) {
      if (event.type === 'request') onReply(event, effect)
      if (effect.type === 'log' && effect.level !== 'debug') write(effect.level, effect.text)
    }
  }

  /** What follows from an event that was accepted. */
  function fold(event: CoordinatorEvent): void {
    if (event.type === 'payload-stored') onStored(event.leaseId)
    if (event.type === 'aggregated') onMerged(event)
    if (event.type === 'evaluated') touchRound(event.round).heldOutLoss = event.loss
    if (event.type === 'started' || event.type === 'disconnected') markAway(event)
    if (open.size !== state.leases.size) settleVanished(event)
    if (present.size !== state.members.size) settleGone(event)
    if (event.type === 'request') {
      const member = state.members.get(event.peer)
      const row = tables.peers.get(event.peer)
      if (member && row && row.stepMs !== member.stepMs) touchPeer(row.peer).stepMs = member.stepMs
    }
  }

  function markAway(event: CoordinatorEvent): void {
    const peers = event.type === 'disconnected' ? [event.peer] : [...present.keys()]
    for (const peer of peers) {
      const row = present.get(peer)
      if (row === undefined || row.state === 'away') continue
      const restarted = event.type === 'started'
      const reason = restarted ? 'the coordinator started again' : 'its connection broke'
      setPresence(row, 'away', reason)
    }
  }

  return {
    run,
    observe: (seq, event, effects) => {
      const accepted = seq > now.seq
      now = { seq, at: event.at }
      run.startedAt ||= event.at
      Object.assign(run, { seq, at: event.at })
      tell(event, effects)
      if (accepted) fold(event)
      Object.assign(run, standingOf(state))
      isDirty = true
    },
    takeChanges: () => {
      if (!isDirty) return null
      const pick = <R>(table: keyof Dirty): R[] => {
        const rows = tables[table] as Map<unknown, R>
        return [...dirty[table]].flatMap((key) => rows.get(key) ?? [])
      }
      const changes: Changes = {
        ...{ reset: false, seq: now.seq, run },
        ...{ rounds: pick('rounds'), leases: pick('leases') },
        ...{ peers: pick('peers'), log: pick('log') },
      }
      dirty = noneDirty()
      isDirty = false
      return changes
    },
    changesFrom: (seq) => {
      const from = seq ?? 0
      const since = <R extends { seq: number }>(rows: Map<unknown, R>) =>
        [...rows.values()].filter((row) => row.seq >= from)
      return {
        ...{ reset: seq === null, seq: now.seq, run },
        ...{ rounds: since(tables.rounds), leases: since(tables.leases) },
        ...{ peers: since(tables.peers), log: since(tables.log) },
      }
    },
  }
}

function noneDirty(): Dirty {
  return { rounds: new Set(), leases: new Set(), peers: new Set(), log: new Set() }
}

/** How a lease that is held no more has ended. */
function endOf(
  event: CoordinatorEvent,
  { leaseId, peer, state: stage }: LeaseRow,
  state: CoordinatorState,
): ['counted' | 'rejected' | 'lost', string | null] {
  if (event.type === 'aggregated') {
    const rejected = event.aggregate.rejected.find((each) => each.leaseId === leaseId)
    if (rejected !== undefined) return ['rejected', rejected.reason]
    if (stage === 'stored') return ['counted', null]
  }
  if (event.type === 'payload-refused' && event.leaseId === leaseId) {
    return ['rejected', event.reason]
  }
  if (state.phase === 'aggregating') return ['lost', 'the round closed before it was handed in']
  if (!state.members.has(peer)) return ['lost', goneReason(event, peer)]
  return ['lost', 'its deadline passed']
}

function goneReason(event: CoordinatorEvent, peer: PeerId): string {
  if (event.type === 'tick' || event.type === 'started') return 'stayed away'
  if (event.type !== 'request' || event.peer !== peer) return 'is banned'
  return event.request.type === 'leave' ? event.request.reason : 'is banned'
}

function standingOf({ phase, round, batchesCounted, tokensCounted }: CoordinatorState) {
  const { round: index, learningRate } = round.start
  return { phase, round: index, batchesCounted, countedTokens: tokensCounted, learningRate }
}

function newRun(state: CoordinatorState): RunRow {
  const { config, runId } = state
  const { training, dataset, base, round } = config
  return {
    ...{ seq: 0, runId, name: config.name, base: base.name, dataset: dataset.name },
    ...standingOf(state),
    roundsMax: training.roundsMax,
    batchesMax: training.batchesMax,
    stepTokens: training.batchSequences * dataset.sequenceLength,
    roundSeconds: round.seconds,
    ...{ startedAt: 0, at: 0, hereCount: 0, contributions: 0, uploadedBytes: 0 },
    reached: Object.fromEntries(LEASE_STATES.map((name) => [name, 0])) as RunRow['reached'],
    refusals: {},
  }
}

function newRound(round: number): RoundRow {
  return {
    ...{ seq: 0, round, startedAt: null, mergedAt: null, trainLoss: null, heldOutLoss: null },
    ...{ tokens: 0, batches: 0, contributions: 0, uploadedBytes: 0, updateBytes: 0, adapter: null },
  }
}

function newPeer(peer: PeerId, since: number): PeerRow {
  return {
    ...{ seq: 0, peer, name: peer.slice(-8), state: 'gone', reason: null, since, stepMs: null },
    ...{ countedTokens: 0, contributions: 0, refusals: 0 },
  }
}
