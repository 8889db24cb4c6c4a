/**
 * Lives of volunteers in a run without a network: they ask, train and audit in no time, against the
 * real state machine. What is measured is what its draws find, and what they cost.
 */
import { drawOf } from '../../coordinator/draws.ts'
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent, KnownRequest } from '../../coordinator/event.ts'
import { recordOf } from '../../coordinator/record.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { digestOf, utf8ToBytes } from '../../protocol/digest.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type { AuditOffer, Lease, Reply } from '../../protocol/messages.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'

/** Local steps of every lease. */
export const LEASE_STEPS = 32

/** What a contribution has wrong: all of it, nothing, or one step and what follows from it. */
export type Lie = 'fabricated' | 'one step' | 'last step' | null

export interface AuditedRun {
  readonly state: CoordinatorState
  /** Steps that were trained and steps that were repeated, by members and by the coordinator. */
  readonly counts: { trained: number; repeated: number }
  join(peer: string): void
  leave(peer: string): void
  /** One lease worked off, and all audits done that anybody has by then. */
  contribute(peer: string, lie?: Lie): void
}

/** A round that never closes, so that nothing but the audits decides. */
export function auditedRun(trust: RunConfig['audit']['trust'], seed: number): AuditedRun {
  const config = exampleConfig({
    dataset: { trainSequences: 100 },
    training: { batchesMax: 2 ** 31 - 1 },
    round: { seconds: 86_400, batchesMax: 2 ** 31 - 1, stepsMin: 4, stepsMax: LEASE_STEPS },
    admission: { membersMax: 65_536 },
    audit: { trust, ownShare: 1 },
  })
  const runId = runIdOf(config)
  const state = initialState(config, runId, {
    base: digestOfText('base'),
    payloadBytes: PAYLOAD_BYTES,
  })
  const key = utf8ToBytes(`coin ${seed}`.padEnd(32))
  const random = prng(seed)
  const counts = { trained: 0, repeated: 0 }
  const members = new Set<string>()
  let at = 0

  function feed(event: CoordinatorEvent): CoordinatorEffect[] {
    const { effects } = step(state, event)
    for (const effect of effects) {
      if (effect.type !== 'audit') continue
      const { auditId, steps, leaseId, kind } = effect.job
      counts.repeated += steps
      at += 1
      feed({ type: 'audited', at, auditId, result: truth(leaseId, steps, kind) })
    }
    return effects
  }

  function ask(peer: string, request: KnownRequest, draw?: string): Reply {
    at += 1
    const event = { type: 'request', at, peer, requestId: 0, request, genuine: true } as const
    const effects = feed(draw === undefined ? event : { ...event, draw })
    return effects.find((effect) => effect.type === 'reply')!.reply
  }

  function workFor(peer: string): Lease | AuditOffer | null {
    const { round, base } = state.round.start
    const reply = ask(peer, { type: 'lease', round, base, stepMs: STEP_MS })
    return reply.type === 'leased' || reply.type === 'audit' ? reply : null
  }

  function audit(peer: string): void {
    for (;;) {
      const member = state.members.get(peer)
      if (member === undefined || member.audits.length === 0) return
      const offer = workFor(peer) as AuditOffer
      const { leaseId, steps, kind } = offer
      const of = state.audits.get(leaseId)!.leaseId
      counts.repeated += steps
      const answer = { runId, leaseId, peer, ...truth(of, steps, kind) }
      ask(peer, { type: 'audit', answer, signature: new Uint8Array(64) })
    }
  }

  return {
    state,
    counts,
    join: (peer) => {
      const who = { name: peer, software: 'test', session: 1, runId: null }
      ask(peer, { type: 'join', version: PROTOCOL_VERSION, ...who })
      members.add(peer)
      recordOf(state, peer).hasDelivered = true
    },
    leave: (peer) => {
      members.delete(peer)
      ask(peer, { type: 'leave', reason: 'enough' })
    },
    contribute: (peer, lie = null) => {
      audit(peer)
      const lease = workFor(peer) as Lease
      const { leaseId, firstBatch, steps } = lease
      const { round, base } = state.round.start
      counts.trained += steps
      const bad = lieStart(lie, steps, () => nextBelow(random, steps))
      const trace = truth(leaseId, steps, 'look').trace.map((link, place) =>
        place < bad ? link : digestOfText(`lie ${leaseId} ${place}`),
      )
      const payload = blobNamed(bad < steps ? `lie ${leaseId}` : `payload ${leaseId}`)
      const of = { runId, round, leaseId, peer, base, firstBatch, steps, payload }
      const contribution = { ...of, tokens: steps, loss: 1, trace, stepMs: STEP_MS }
      const signature = new Uint8Array(64)
      at += steps * STEP_MS
      ask(peer, { type: 'commit', contribution, signature }, drawOf(key, leaseId))
      at += 1
      feed({ type: 'payload-stored', at, leaseId })
      for (const member of members) audit(member)
    },
  }
}

function lieStart(lie: Lie, steps: number, place: () => number): number {
  if (lie === null) return steps
  if (lie === 'fabricated') return 0
  return lie === 'last step' ? steps - 1 : place()
}

const STEP_MS = 10
const LINKS = Array.from({ length: LEASE_STEPS }, (_, place) => place)

/** What a lease gives wherever it is trained. */
function truth(leaseId: number, steps: number, kind: 'look' | 'full') {
  return {
    trace: LINKS.slice(0, steps).map((place) =>
      digestOf(Uint8Array.of(leaseId, leaseId >> 8, place)),
    ),
    payload: kind === 'full' ? blobNamed(`payload ${leaseId}`).digest : null,
    tokens: kind === 'full' ? steps : null,
  }
}

/** How many bad contributions one makes until it is found out; null: not within `countMax`. */
export function caughtAfter(
  run: AuditedRun,
  peer: string,
  { lie, countMax, inARow }: { lie: Exclude<Lie, null>; countMax: number; inARow: number },
): number | null {
  run.join(peer)
  const record = recordOf(run.state, peer)
  record.verifiedInARow = inARow
  for (let count = 1; count <= countMax; count++) {
    run.contribute(peer, lie)
    if (record.erredAt !== null) {
      run.leave(peer)
      return count
    }
  }
  run.leave(peer)
  return null
}
