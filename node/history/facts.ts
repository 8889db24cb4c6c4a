/**
 * What happened in a run, told in facts. This is the one place where events, their effects and the
 * state after them are read: the dashboard's rows (read-model.ts), what the live view and `--json`
 * print (progress.ts) and the figures that a simulation is held against (observe-run.ts) are all
 * made of these facts. Only `step` decides; a chronicle watches what it decided, and remembers no
 * more than the leases that are open and who is present.
 */
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorEventOf,
  CoordinatorState,
  MergedContribution,
  MergedRound,
} from '../../coordinator/index.ts'
import type { LeaseId, PeerId, Refusal, Scores } from '../../protocol/index.ts'
import { dropOldest, PEERS_KEPT } from './rows.ts'

/** A lease of this round. It changes as its work goes on, until a fact tells how it ended. */
export interface OpenLease {
  readonly leaseId: LeaseId
  readonly round: number
  readonly peer: PeerId
  readonly name: string
  readonly firstBatch: number
  readonly leasedAt: number
  /** Batches leased; once committed, batches done. */
  steps: number
  state: 'leased' | 'committed' | 'stored'
  /** What its holder said on handing it in; null until then. */
  work: { at: number; tokens: number; loss: number; bytes: number; stepMs: number } | null
}

export type Fact =
  | { type: 'joined'; peer: PeerId; name: string }
  | { type: 'away'; peer: PeerId; name: string; cause: 'broken' | 'restarted' }
  /** No longer a member; `wasHere` until this moment. */
  | {
      type: 'gone'
      peer: PeerId
      name: string
      cause: 'left' | 'stayed-away' | 'banned'
      reason: string
      wasHere: boolean
    }
  /** A peer may take part no more; or may again. */
  | { type: 'banned' | 'unbanned'; peer: PeerId }
  /** A member's steps take this long now. */
  | { type: 'timed'; peer: PeerId; stepMs: number | null }
  | { type: 'leased' | 'committed' | 'stored' | 'counted'; lease: OpenLease }
  | { type: 'lost' | 'rejected'; lease: OpenLease; reason: string }
  | { type: 'refused'; peer: PeerId; name: string; refusal: Refusal; reason: string }
  /** A round's work is in, and its merge begins. */
  | { type: 'closed' }
  /** A round's merge made an adapter. */
  | { type: 'merged'; round: number; adapter: string; updateBytes: number }
  /** The run goes on from the adapter after `round` rounds; these had been merged since. */
  | { type: 'rewound'; round: number; dropped: readonly MergedRound[] }
  /** A merge raised the held-out loss too far: its work is repeated, or its round is redone. */
  | {
      type: 'merge-refused'
      round: number
      before: number
      after: number
      isRepeated: boolean
    }
  /** Contributions that were counted in a merged round count no more. */
  | { type: 'taken-back'; round: number; contributions: readonly MergedContribution[] }
  | {
      type: 'evaluated'
      round: number
      loss: number
      generalLoss: number | null
      /** Null where no answers are rated. */
      accuracy: number | null
      margin: number | null
    }
  | { type: 'scored'; round: number; scores: Scores }
  /** `reason`: what ended it. */
  | { type: 'finished'; round: number; adapter: string; reason: string }
  | { type: 'logged'; tone: 'info' | 'warn'; text: string }

/** What has to be remembered to tell the next facts. */
export interface Chronicle {
  /** The state machine's own: `factsOf` reads it as it is after the event. */
  readonly state: CoordinatorState
  /** The journal's newest entry that was told of. */
  seq: number
  readonly open: Map<LeaseId, OpenLease>
  /** Members by the state that was last told of them. */
  readonly present: Map<PeerId, { state: 'here' | 'away'; stepMs: number | null }>
  /** How many of them are here. */
  hereCount: number
  /** The rounds that are merged. */
  readonly merged: MergedRound[]
  /** What was taken back, and told of. */
  readonly takenBack: WeakSet<MergedContribution>
  /** What those who joined called themselves at last, the members and the latest of the others. */
  readonly names: Map<PeerId, string>
}

export function createChronicle(state: CoordinatorState): Chronicle {
  return {
    state,
    seq: 0,
    open: new Map(),
    present: new Map(),
    hereCount: 0,
    merged: [],
    takenBack: new WeakSet(),
    names: new Map(),
  }
}

/** An event, what was decided about it, and the journal's newest entry after it. */
export interface Decision {
  /** An event that was not accepted has no entry of its own. */
  seq: number
  event: CoordinatorEvent
  effects: readonly CoordinatorEffect[]
}

/** The facts in a decision, in the order in which they are to be told. */
export function factsOf(chronicle: Chronicle, { seq, event, effects }: Decision): Fact[] {
  const accepted = seq > chronicle.seq
  chronicle.seq = seq
  const replies =
    event.type === 'request' ? effects.flatMap((effect) => onReply(chronicle, event, effect)) : []
  const changes = accepted
    ? [
        ...onEvent(chronicle, event),
        ...onLeasesEnded(chronicle, event),
        ...onTakenBack(chronicle),
        ...onMembersGone(chronicle, event),
        ...onSpeed(chronicle, event),
        ...onBans(chronicle, event, effects),
      ]
    : []
  return [...replies, ...changes, ...effects.flatMap(onEffect)]
}

function onReply(
  chronicle: Chronicle,
  { request, at }: CoordinatorEventOf<'request'>,
  effect: CoordinatorEffect,
): Fact[] {
  if (effect.type !== 'reply') return []
  const { reply, peer } = effect
  const { open, present } = chronicle
  if (reply.type === 'joined' && request.type === 'join') {
    rememberName(chronicle, peer, request.name)
    const before = present.get(peer)
    if (before?.state !== 'here') chronicle.hereCount += 1
    present.set(peer, { state: 'here', stepMs: before?.stepMs ?? null })
    return [{ type: 'joined', peer, name: request.name }]
  }
  // The same lease is given twice where a reply was lost.
  if (reply.type === 'leased' && !open.has(reply.leaseId)) {
    const { leaseId, round, firstBatch, steps } = reply
    const name = nameOf(chronicle, peer)
    const lease: OpenLease = {
      leaseId,
      round,
      peer,
      name,
      firstBatch,
      leasedAt: at,
      steps,
      state: 'leased',
      work: null,
    }
    open.set(leaseId, lease)
    return [{ type: 'leased', lease }]
  }
  if (reply.type === 'committed' && request.type === 'commit') {
    const lease = open.get(reply.leaseId)
    if (lease?.state !== 'leased') return []
    const { steps, tokens, loss, payload, stepMs } = request.contribution
    lease.state = 'committed'
    lease.steps = steps
    lease.work = { at, tokens, loss, bytes: payload.bytes, stepMs }
    return [{ type: 'committed', lease }]
  }
  if (reply.type === 'refused') {
    const { refusal, reason } = reply
    return [{ type: 'refused', peer, name: nameOf(chronicle, peer), refusal, reason }]
  }
  return []
}

/** What an accepted event says by itself. */
function onEvent(chronicle: Chronicle, event: CoordinatorEvent): Fact[] {
  switch (event.type) {
    case 'started':
      return [...chronicle.present.keys()].flatMap((peer) => away(chronicle, peer, 'restarted'))
    case 'disconnected':
      return away(chronicle, event.peer, 'broken')
    case 'payload-stored': {
      const lease = chronicle.open.get(event.leaseId)
      if (lease?.state !== 'committed') return []
      lease.state = 'stored'
      return [{ type: 'stored', lease }]
    }
    case 'aggregated': {
      const { round, aggregate } = event
      // A merge of which everything was rejected makes no adapter: the same round starts again.
      if (chronicle.state.round.start.round !== round + 1) return refusedMerge(chronicle, event)
      const { adapter, update } = aggregate
      chronicle.merged.push(chronicle.state.history.at(-1)!)
      return [{ type: 'merged', round, adapter, updateBytes: update.bytes }]
    }
    case 'rewound': {
      const { round } = event
      return [{ type: 'rewound', round, dropped: chronicle.merged.splice(round) }]
    }
    case 'evaluated': {
      const { round, loss, generalLoss = null, accuracy = null, margin = null } = event
      return [{ type: 'evaluated', round, loss, generalLoss, accuracy, margin }]
    }
    case 'scored': {
      const { round, scores } = event
      return scores === null ? [] : [{ type: 'scored', round, scores }]
    }
    default:
      return []
  }
}

function refusedMerge(
  { state }: Chronicle,
  { round, aggregate }: CoordinatorEventOf<'aggregated'>,
): Fact[] {
  const { losses } = aggregate
  const isRepeated = state.phase === 'training'
  if (losses === undefined || !(isRepeated || state.refusedMerges.inARow > 0)) return []
  return [{ type: 'merge-refused', round, ...losses, isRepeated }]
}

function away(chronicle: Chronicle, peer: PeerId, cause: 'broken' | 'restarted'): Fact[] {
  const member = chronicle.present.get(peer)
  if (member === undefined || member.state === 'away') return []
  member.state = 'away'
  chronicle.hereCount -= 1
  return [{ type: 'away', peer, name: nameOf(chronicle, peer), cause }]
}

/** Leases that are held no more. They are looked for only where their number says so. */
function onLeasesEnded({ open, state }: Chronicle, event: CoordinatorEvent): Fact[] {
  if (open.size === state.leases.size) return []
  const ended = [...open.values()].filter(({ leaseId }) => !state.leases.has(leaseId))
  return ended.map((lease) => {
    open.delete(lease.leaseId)
    return endOf(event, lease, state)
  })
}

function endOf(event: CoordinatorEvent, lease: OpenLease, state: CoordinatorState): Fact {
  const { leaseId, peer } = lease
  if (event.type === 'aggregated') return endInMerge(event, lease, state)
  if (event.type === 'kicked' && event.peer === peer) {
    return { type: 'rejected', lease, reason: `its maker is banned: ${event.reason}` }
  }
  if (event.type === 'rewound') return { type: 'rejected', lease, reason: 'the run went back' }
  if (event.type === 'payload-refused' && event.leaseId === leaseId) {
    return { type: 'rejected', lease, reason: event.reason }
  }
  if (isVerdict(event)) return { type: 'rejected', lease, reason: OTHER_RESULT }
  if (state.phase === 'aggregating' && lease.state === 'stored') {
    return { type: 'lost', lease, reason: 'nobody had repeated it when the round closed' }
  }
  if (state.phase === 'aggregating') {
    return { type: 'lost', lease, reason: 'the round closed before it was handed in' }
  }
  if (!state.members.has(peer)) {
    return { type: 'lost', lease, reason: causeOf(event, peer).reason }
  }
  return { type: 'lost', lease, reason: 'its deadline passed' }
}

/** A merge ends all that are left. */
function endInMerge(
  { aggregate }: CoordinatorEventOf<'aggregated'>,
  lease: OpenLease,
  state: CoordinatorState,
): Fact {
  const rejected = aggregate.rejected.find(({ leaseId }) => leaseId === lease.leaseId)
  if (rejected !== undefined) return { type: 'rejected', lease, reason: rejected.reason }
  const isPublished = state.round.start.round > lease.round
  if (isPublished) return { type: 'counted', lease }
  return { type: 'rejected', lease, reason: 'the merge was not published' }
}

const OTHER_RESULT = 'others get another result'

/** Work was repeated, and found wrong; or somebody said two things about it. */
function isVerdict(event: CoordinatorEvent): boolean {
  if (event.type === 'audited') return true
  return event.type === 'request' && ['audit', 'commit'].includes(event.request.type)
}

function onTakenBack({ takenBack, state }: Chronicle): Fact[] {
  return state.takenBack.flatMap(({ round, contributions }): Fact[] => {
    const untold = contributions.filter((each) => !takenBack.has(each))
    for (const each of untold) takenBack.add(each)
    return untold.length === 0 ? [] : [{ type: 'taken-back', round, contributions: untold }]
  })
}

function onMembersGone(chronicle: Chronicle, event: CoordinatorEvent): Fact[] {
  const { present, state } = chronicle
  if (present.size === state.members.size) return []
  const gone = [...present].filter(([peer]) => !state.members.has(peer))
  return gone.map(([peer, member]) => {
    present.delete(peer)
    const wasHere = member.state === 'here'
    if (wasHere) chronicle.hereCount -= 1
    const name = nameOf(chronicle, peer)
    const { cause, reason } = causeOf(event, peer)
    return { type: 'gone', peer, name, cause, reason, wasHere }
  })
}

/** Why a peer is a member no more. */
function causeOf(
  event: CoordinatorEvent,
  peer: PeerId,
): { cause: 'left' | 'stayed-away' | 'banned'; reason: string } {
  if (event.type === 'tick' || event.type === 'started') {
    return { cause: 'stayed-away', reason: 'stayed away' }
  }
  if (event.type === 'request' && event.peer === peer && event.request.type === 'leave') {
    return { cause: 'left', reason: event.request.reason }
  }
  return { cause: 'banned', reason: 'is banned' }
}

/** Whoever is banned is hung up on, whether it was connected or not. */
function onBans(
  { state }: Chronicle,
  event: CoordinatorEvent,
  effects: readonly CoordinatorEffect[],
): Fact[] {
  if (event.type === 'unbanned') return [{ type: 'unbanned', peer: event.peer }]
  return effects.flatMap((effect): Fact[] => {
    if (effect.type !== 'disconnect') return []
    const { peer } = effect
    const isBanned = (state.records.get(peer)?.banned ?? null) !== null
    return isBanned ? [{ type: 'banned', peer }] : []
  })
}

/** Requests carry the time of a step. */
function onSpeed({ present, state }: Chronicle, event: CoordinatorEvent): Fact[] {
  if (event.type !== 'request') return []
  const { peer } = event
  const [told, member] = [present.get(peer), state.members.get(peer)]
  if (told === undefined || member === undefined || told.stepMs === member.stepMs) return []
  told.stepMs = member.stepMs
  return [{ type: 'timed', peer, stepMs: member.stepMs }]
}

/** What was decided besides the replies. */
function onEffect(effect: CoordinatorEffect): Fact[] {
  if (effect.type === 'aggregate') return [{ type: 'closed' }]
  if (effect.type === 'log' && effect.level !== 'debug') {
    return [{ type: 'logged', tone: effect.level, text: effect.text }]
  }
  if (effect.type !== 'notify' || effect.notice.type !== 'finished') return []
  return [effect.notice]
}

function rememberName({ names }: Chronicle, peer: PeerId, name: string): void {
  // Whoever joined last is forgotten last.
  names.delete(peer)
  names.set(peer, name)
  dropOldest(names, PEERS_KEPT)
}

/** Characters of a peer's id that stand for a peer without a name. */
const PEER_SHOWN = 8

function nameOf({ names }: Chronicle, peer: PeerId): string {
  return names.get(peer) ?? peer.slice(-PEER_SHOWN)
}
