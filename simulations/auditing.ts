/** Audits on a simulated machine: somebody's steps again, and what they start from if it is old. */
import type { AuditOffer } from '../protocol/index.ts'
import { repeat } from './lies.ts'
import { stepMsOf } from './training.ts'
import { startTransfer } from './transfers.ts'
import type { Auditing, Volunteer, World } from './world.ts'

const SIGNATURE = new Uint8Array(64)

export function startAudit(world: World, volunteer: Volunteer, offer: AuditOffer): void {
  if (volunteer.culprit?.attacker.withholds) return
  const { options, queue } = world
  const ms = offer.steps * stepMsOf(world, volunteer, volunteer.host.random.audit) + options.leaseMs
  const auditing: Auditing = { offer, leftMs: ms, since: null }
  volunteer.auditing = auditing
  const { round, checkpoint, moment } = offer.start
  const bytes = round === volunteer.adapterRound ? 0 : sizeOf(checkpoint) + sizeOf(moment)
  const begin = () => volunteer.auditing === auditing && resumeAudit(world, volunteer)
  if (bytes === 0) return void begin()
  const onFailed = (reason: string): void =>
    queue.after(1, () => {
      if (volunteer.auditing !== auditing) return
      volunteer.auditing = null
      world.feed(volunteer, { type: 'audit-failed', at: 0, leaseId: offer.leaseId, reason })
    })
  startTransfer(world, volunteer, { direction: 'down', bytes, onDone: begin, onFailed })
}

const sizeOf = (blob: { bytes: number } | null): number => blob?.bytes ?? 0

/** It goes on where it was, when the machine wakes. */
export function resumeAudit(world: World, volunteer: Volunteer): void {
  const { auditing } = volunteer
  if (auditing === null) return
  const { queue } = world
  const since = queue.now
  auditing.since = since
  queue.after(auditing.leftMs, () => {
    if (volunteer.auditing === auditing && auditing.since === since) finish(world, volunteer)
  })
}

export function pauseAudit({ queue }: World, { auditing }: Volunteer): void {
  if (auditing === null || auditing.since === null) return
  auditing.leftMs -= queue.now - auditing.since
  auditing.since = null
}

export function endAudit(volunteer: Volunteer): void {
  volunteer.auditing = null
}

function finish(world: World, volunteer: Volunteer): void {
  const { offer } = volunteer.auditing!
  volunteer.auditing = null
  const { runId } = world
  const result = repeat(world, volunteer, offer)
  const answer = { runId, leaseId: offer.leaseId, peer: volunteer.peer, ...result }
  world.feed(volunteer, { type: 'audited', at: 0, answer, signature: SIGNATURE })
}
