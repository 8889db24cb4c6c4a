/**
 * Training that comes to nothing. The batches are owed again at once, and go to whoever asks next;
 * so where the fault is in the run (a row that its model cannot read), the same batches fail on one
 * volunteer after another. After some that are alike the run stops, instead of handing them out for
 * ever: its organiser has to change something, and the same command goes on from there.
 *
 * Anybody can say that training fails. So while one is here whose work counts, those whose work
 * does not are no witnesses: they cost the batches a way, and stop nothing.
 */
import { counted, log, type PeerId, type RequestOf, reasonOf } from '../protocol/index.ts'
import { giveBackAudit } from './audits.ts'
import { findLease } from './contributions.ts'
import type { CoordinatorEffect } from './effect.ts'
import { revoke } from './lease.ts'
import { answer, changed, type Outcome, type RequestEvent, refuse, unchanged } from './outcome.ts'
import { noteFailure } from './patience.ts'
import { memberHere } from './roster.ts'
import { freePieceOf } from './score-pieces.ts'
import type { CoordinatorState, Failure } from './state.ts'

/** So many witnesses, or all where fewer are here, have to fail alike, and so many times. */
const ALIKE_MAX = 3
/** Batches whose failures are remembered; the oldest is forgotten first. */
const REMEMBERED_MAX = 64

export function onFail(
  state: CoordinatorState,
  event: RequestEvent,
  { leaseId, cause, reason }: RequestOf<'fail'>,
): Outcome {
  const { peer } = event
  const member = memberHere(state, peer)
  if (member === null) return unchanged(refuse(event, 'not-joined', 'join first'))
  const audit = state.audits.get(leaseId)
  if (audit?.auditor === peer) {
    if (audit.stage !== 'assigned' && audit.stage !== 'out') {
      return unchanged(refuse(event, 'duplicate', `audit ${leaseId} is answered`))
    }
    const text = log('info', reasonOf(`${member.name} gives audit ${leaseId} back: ${reason}`))
    const released = answer(event, { type: 'released', leaseId })
    noteFailure(state, peer, event.at)
    return changed(released, text, ...giveBackAudit(state, audit, event.at))
  }
  if (member.scoring === leaseId) {
    freePieceOf(state, member)
    // What it cannot do now it could not do after the next lease either.
    member.scoreTurn = 'never'
    noteFailure(state, peer, event.at)
    const text = `${member.name} gives the rows of ${leaseId} back: ${reason}`
    const released = answer(event, { type: 'released', leaseId })
    return changed(released, log('info', reasonOf(text)))
  }
  const held = findLease(state, peer, leaseId)
  if (!('stage' in held)) return unchanged(refuse(event, ...held))
  if (held.stage !== 'leased') {
    return unchanged(refuse(event, 'duplicate', `lease ${leaseId} is committed`))
  }
  const effects: CoordinatorEffect[] = [
    answer(event, { type: 'released', leaseId }),
    log('warn', reasonOf(`training failed on ${member.name}: ${reason}`)),
  ]
  if (cause === 'training' && isWitness(state, peer)) {
    effects.push(...judge(state, remember(state, held.firstBatch, peer, reason)))
  }
  noteFailure(state, peer, event.at)
  // Its holder knows already.
  revoke(state, held, reason)
  return changed(...effects)
}

function remember(
  state: CoordinatorState,
  firstBatch: number,
  peer: PeerId,
  reason: string,
): Failure {
  const { failures } = state
  const before = failures.get(firstBatch)
  const failure = before?.reason === reason ? before : { reason, times: 0, peers: [] }
  failure.times += 1
  if (!failure.peers.includes(peer) && failure.peers.length < ALIKE_MAX) failure.peers.push(peer)
  failures.set(firstBatch, failure)
  const [oldest] = failures.keys()
  if (failures.size > REMEMBERED_MAX) failures.delete(oldest!)
  return failure
}

function judge(state: CoordinatorState, { reason, times, peers }: Failure): CoordinatorEffect[] {
  if (times < ALIKE_MAX || peers.length < witnessesNeeded(state)) return []
  const where = counted(peers.length, 'volunteer')
  const text =
    `training on the same batches failed ${times} times, on ${where}, ` +
    `each time alike: ${reason}`
  return [{ type: 'stop', reason: text }]
}

/** Where nobody is here whose work counts, whoever is here has to be believed. */
function isWitness(state: CoordinatorState, peer: PeerId): boolean {
  return counts(state, peer) || !here(state).some((other) => counts(state, other))
}

const counts = ({ records }: CoordinatorState, peer: PeerId): boolean =>
  (records.get(peer)?.credit.batches ?? 0) > 0

function here({ members }: CoordinatorState): PeerId[] {
  return [...members.values()].flatMap(({ peer, awayUntil }) => (awayUntil === null ? [peer] : []))
}

/** Few are enough where they are all; newcomers to a run that has merged are not all it had. */
function witnessesNeeded(state: CoordinatorState): number {
  const all = here(state)
  const known = all.filter((peer) => counts(state, peer))
  if (known.length === 0 && state.batchesCounted > 0) return ALIKE_MAX
  return Math.min(ALIKE_MAX, known.length === 0 ? all.length : known.length)
}
