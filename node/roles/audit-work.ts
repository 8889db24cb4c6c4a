/** A volunteer repeats what somebody else did, and signs what came of it. */
import { type AuditOffer, ProtocolError, signingBytes } from '../../protocol/index.ts'
import { checkStartSizes } from '../compute/sizes.ts'
import { repeatSteps } from '../run/repeat-steps.ts'
import { fetched, fetchedOnce, type Held } from './held.ts'
import type { NewParticipantEvent } from './participant-shell.ts'
import type { ParticipantWorld } from './participant-world.ts'

/** Feeds what comes of it, unless the audit was abandoned meanwhile. */
export function startAudit(world: ParticipantWorld, held: Held, offer: AuditOffer): void {
  const { leaseId } = offer
  const finish = (event: NewParticipantEvent) => {
    if (!held.abandoned.delete(leaseId)) world.feed(event)
  }
  audit(world, held, offer).then(finish, (error: Error) =>
    finish({ type: 'audit-failed', leaseId, reason: error.message }),
  )
}

async function audit(
  world: ParticipantWorld,
  held: Held,
  offer: AuditOffer,
): Promise<NewParticipantEvent> {
  const config = held.config!
  const { stepsMax } = config.round
  if (offer.steps > stepsMax) {
    throw new ProtocolError('malformed', `An audit has at most ${stepsMax} steps: ${offer.steps}`)
  }
  checkStartSizes(offer.start, held.layout!, config.aggregation)
  const shards = new Set(config.dataset.trainShards.map(({ digest }) => digest))
  const result = await repeatSteps(
    {
      config,
      compute: world.compute,
      // What a round starts from takes no room here; the shards are kept for the next lease.
      read: (blob) =>
        shards.has(blob.digest)
          ? fetched(world, held, world.blobs, blob, 'data')
          : fetchedOnce(world, held, blob, 'an earlier round'),
    },
    offer,
  )
  const answer = { runId: held.runId, leaseId: offer.leaseId, peer: world.peer, ...result }
  const signature = await world.sign(signingBytes('audit', answer))
  return { type: 'audited', answer, signature }
}
