/**
 * Whose work is not wanted: what it did in the open round is dropped, as if it had never come, and
 * what is merged is subtracted in the next merge (`corrections.ts`). All of it is owed again.
 */
import { counted, type LeaseId, log, type PeerId, reasonOf } from '../protocol/index.ts'
import { giveBack } from './assignment.ts'
import { takeBackMerged } from './corrections.ts'
import type { CoordinatorEffect } from './effect.ts'
import { endingOf } from './ending.ts'
import type { CoordinatorEventOf } from './event.ts'
import { shutOut } from './fault-detector.ts'
import { revoke } from './lease.ts'
import { changed, notify, type Outcome, unchanged } from './outcome.ts'
import { recordOf } from './record.ts'
import { memberHere } from './roster.ts'
import { mergeAgain, reopen } from './round.ts'
import type { CoordinatorState, HeldLease, MergedContribution } from './state.ts'
import { addBatches, removePayload } from './tally.ts'

/** Bans an identity for good, and takes back all that it ever did. */
export function onKicked(
  state: CoordinatorState,
  { peer, reason }: CoordinatorEventOf<'kicked'>,
): Outcome {
  const record = recordOf(state, peer)
  if (record.banned !== null) return unchanged(log('warn', `${peer} is banned already`))
  record.banned = reason
  const wasFinished = state.phase === 'finished'
  const isOwn = (of: { peer: PeerId }) => of.peer === peer
  const effects = [
    log('warn', `${peer} is banned: ${reason}`),
    ...takeBack(state, isOwn, `its maker is banned: ${reason}`),
    ...shutOut(state, peer, reason),
  ]
  if (!wasFinished || state.phase === 'finished') return changed(...effects)
  const owed = counted(state.config.training.batchesMax - state.batchesCounted, 'batch')
  return changed(
    ...effects,
    log('warn', `the run was finished, and is open again, with ${owed} to do`),
  )
}

/** Nothing is held against it any more; what was taken back stays so. */
export function onUnbanned(
  state: CoordinatorState,
  { peer }: CoordinatorEventOf<'unbanned'>,
): Outcome {
  const record = state.records.get(peer)
  if (record === undefined || record.banned === null) {
    return unchanged(log('warn', `${peer} is not banned`))
  }
  record.banned = null
  record.strikes = 0
  return changed(log('info', `${peer} may take part again`))
}

/** Takes back whatever `isTakenBack` says, of the open round and of all that are merged. */
export function takeBack(
  state: CoordinatorState,
  isTakenBack: (contribution: Pick<MergedContribution, 'leaseId' | 'peer'>) => boolean,
  reason: string,
): CoordinatorEffect[] {
  const merged = takeBackMerged(state, isTakenBack)
  const open = [...state.leases.values()].filter(isTakenBack)
  const effects = open.flatMap((held) => dropLease(state, held, reason))
  const lost = [...merged, ...open]
  if (lost.length === 0) return []
  const steps = lost.reduce((sum, each) => sum + each.steps, 0)
  const text = `taken back: ${counted(lost.length, 'contribution')} of ${counted(steps, 'batch')}`
  return [log('warn', `${text}: ${reason}`), ...effects, ...goOn(state, open.length > 0)]
}

/** A lease of the open round, at whatever stage, counts for nothing. */
export function dropLease(
  state: CoordinatorState,
  held: HeldLease,
  reason: string,
): CoordinatorEffect[] {
  const { round } = state
  const { leaseId, peer, steps, firstBatch } = held
  const isCountedOn = held.isExpected || held.wasCounted || held.stage === 'uploaded'
  const effects = held.stage === 'uploaded' ? dropUpload() : revoke(state, held, reason)
  // As if it had never come: a quorum does not wait for it.
  if (isCountedOn) {
    round.expected = Math.max(round.awaited + round.uploaded, round.expected - steps)
  }
  return effects

  function dropUpload(): CoordinatorEffect[] {
    round.uploaded -= steps
    state.leases.delete(leaseId)
    addBatches(state.derived.tally, held, -steps)
    removePayload(state.derived.tally, held)
    giveBack(state.ledger, { start: firstBatch, end: firstBatch + steps })
    return tell(state, peer, leaseId, reason)
  }
}

function tell(
  state: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
  reason: string,
): CoordinatorEffect[] {
  if (memberHere(state, peer) === null) return []
  return [notify(peer, { type: 'revoked', leaseId, reason: reasonOf(reason) })]
}

/** The run has more to do than before, and a merge that is asked for has less to merge. */
function goOn(state: CoordinatorState, isOpenRoundLess: boolean): CoordinatorEffect[] {
  switch (state.phase) {
    case 'aggregating':
      if (!isOpenRoundLess) return []
      return state.round.uploaded > 0 ? mergeAgain(state) : reopen(state)
    case 'waiting':
      return reopen(state)
    case 'finished':
      return endingOf(state) === null ? reopen(state) : []
    case 'training':
      return []
  }
}
