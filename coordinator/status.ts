/** The state in public. */
import {
  type Credit,
  costOf,
  EVALUATIONS_MAX,
  metricOf,
  NO_CREDIT,
  type PeerId,
  type RunStatus,
  STATUS_PARTICIPANTS_MAX,
} from '../protocol/index.ts'
import type { CoordinatorState, Member } from './state.ts'

/** Costs the same however many members there are: the first so many are listed. */
export function statusOf(state: CoordinatorState): RunStatus {
  const { config, round, members } = state
  return {
    runId: state.runId,
    name: config.name,
    phase: state.phase,
    round: round.start.round,
    roundsMax: config.training.roundsMax,
    batchesCounted: state.batchesCounted,
    batchesMax: config.training.batchesMax,
    countedTokens: state.tokensCounted,
    base: round.start.base,
    learningRate: round.start.learningRate,
    evaluations: listed(state.evaluations, ({ loss }) => loss),
    ...scoresOf(state),
    audits: { ...state.auditCounts },
    participantCount: members.size,
    participants: firstParticipants(state),
  }
}

function scoresOf({ config, scores }: CoordinatorState): Pick<RunStatus, 'scores' | 'metric'> {
  if (config.scoring === undefined) return {}
  const { metric: named } = config.training
  const metric = metricOf(named) ?? (config.scoring.questions > 0 ? 'acc' : 'exactMatch')
  const shown = listed(scores, (each) => costOf(each, metric))
  return named === undefined ? { scores: shown } : { scores: shown, metric: named }
}

/**
 * The latest ones are compared with the base model and with the best adapter, so these two stay in
 * the list.
 */
function listed<T>(measured: readonly T[], costOf: (one: T) => number): T[] {
  if (measured.length <= EVALUATIONS_MAX) return [...measured]
  const [base, ...adapters] = measured
  const best = adapters.reduce((least, one) => (costOf(one) < costOf(least) ? one : least))
  const latest = adapters.slice(1 - EVALUATIONS_MAX)
  return latest.includes(best) ? [base!, ...latest] : [base!, best, ...latest.slice(1)]
}

function firstParticipants(state: CoordinatorState): RunStatus['participants'] {
  const participants: RunStatus['participants'] = []
  for (const member of state.members.values()) {
    if (participants.length === STATUS_PARTICIPANTS_MAX) break
    participants.push(participantStatus(state, member))
  }
  return participants
}

/** What counts of its work, whether it is a member or not. */
export function creditOfPeer({ records }: CoordinatorState, peer: PeerId): Credit {
  return records.get(peer)?.credit ?? NO_CREDIT
}

function participantStatus(
  state: CoordinatorState,
  { peer, name, awayUntil, stepMs, leaseId }: Member,
): RunStatus['participants'][number] {
  const record = state.records.get(peer)
  return {
    peer,
    name,
    state: awayUntil === null ? 'here' : 'away',
    stepMs,
    leasedSteps: leaseId === null ? 0 : state.leases.get(leaseId)!.steps,
    credit: creditOfPeer(state, peer),
    verifiedInARow: record?.verifiedInARow ?? 0,
  }
}
