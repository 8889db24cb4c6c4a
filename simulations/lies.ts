/** What a volunteer says that it did: the truth, unless it is an attacker's. */
import type { AuditResult } from '../coordinator/index.ts'
import type { AuditOffer, Lease } from '../protocol/index.ts'
import type { WorkDone } from './work-done.ts'
import type { Volunteer, World } from './world.ts'

/** What is handed in for a lease. */
export function handIn(
  { learning, attacks }: World,
  { culprit, peer }: Volunteer,
  lease: Lease,
  steps: number,
): WorkDone {
  if (culprit === null) return attacks.note(peer, lease, learning.train(lease, steps))
  const { done, own, random, attacker } = culprit
  const others = attacks.lastOf(peer)
  const lie = attacker.handIn?.({ steps, done, own, others, random }) ?? null
  const work = lie === null ? learning.train(lease, steps) : learning.lie(lease, steps, lie)
  if (lie !== null) culprit.falseAbout.add(lease.leaseId)
  culprit.done += 1
  culprit.trained += lie === null ? steps : lie.rightLinks
  culprit.own ??= work
  return attacks.note(peer, lease, work)
}

/** What is answered when somebody's steps are to be repeated. */
export function repeat(
  { learning, attacks }: World,
  { culprit }: Volunteer,
  offer: AuditOffer,
): AuditResult {
  const right = learning.repeat(offer)
  const answer = culprit?.attacker.answer
  if (answer === undefined) return right
  const claimed = attacks.claimOf(culprit!, offer)
  const given = answer({ right, claimed, isFull: offer.kind === 'full' })
  const isRight = given.trace.every((link, place) => link === right.trace[place])
  if (!isRight || given.payload !== right.payload) culprit!.falseAbout.add(offer.leaseId)
  return given
}
