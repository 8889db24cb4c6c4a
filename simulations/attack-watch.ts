/**
 * Who attacks, what each of them has said that is false, and what became of it: seen from outside,
 * by what the coordinator accepts and whom it blames.
 */
import type { CoordinatorEvent, CoordinatorState, Outcome } from '../coordinator/index.ts'
import type { AuditOffer, Lease, LeaseId, PeerId } from '../protocol/index.ts'
import { type AttackFigures, attackFiguresOf } from './attack-figures.ts'
import type { Culprit } from './culprit.ts'
import type { WorkDone } from './work-done.ts'

export interface AttackWatch {
  join(culprit: Culprit): void
  /** Remembers what was handed in, which others may copy or cover for. */
  note(peer: PeerId, lease: Pick<Lease, 'base' | 'firstBatch'>, work: WorkDone): WorkDone
  /** What somebody else handed in last. */
  lastOf(peer: PeerId): WorkDone | null
  /** What one of the same kind handed in for these steps. */
  claimOf(culprit: Culprit, offer: AuditOffer): WorkDone | null
  after(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState, now: number): void
  /** `machines` is the number of all that came. */
  figures(state: CoordinatorState, machines: number): AttackFigures
}

interface Memory {
  readonly culprits: Map<PeerId, Culprit>
  /** What the kinds have claimed, by kind, base and first batch. */
  readonly claims: Map<string, WorkDone>
  /** The last two that handed something in. */
  last: { peer: PeerId; work: WorkDone }[]
  /** Honest ones that were blamed. */
  readonly accused: Set<PeerId>
  mismatches: number
  /** The largest share of a round that each kind held at a time, by name. */
  readonly held: Map<string, number>
}

export function createAttackWatch(): AttackWatch {
  const memory: Memory = {
    culprits: new Map(),
    claims: new Map(),
    last: [],
    accused: new Set(),
    mismatches: 0,
    held: new Map(),
  }
  const { culprits, claims } = memory
  return {
    join: (culprit) => culprits.set(culprit.peer, culprit),
    note(peer, { base, firstBatch }, work) {
      const culprit = culprits.get(peer)
      if (culprit !== undefined) claims.set(keyOf(culprit, base, firstBatch), work)
      memory.last = [...memory.last.filter((each) => each.peer !== peer), { peer, work }].slice(-2)
      return work
    },
    lastOf: (peer) => memory.last.findLast((each) => each.peer !== peer)?.work ?? null,
    claimOf: (culprit, { start, firstBatch }) =>
      claims.get(keyOf(culprit, start.base, firstBatch)) ?? null,
    after: (event, outcome, state, now) => observe(memory, event, outcome, state, now),
    figures: (state, machines) => attackFiguresOf([...culprits.values()], machines, memory, state),
  }
}

const keyOf = ({ attacker }: Culprit, base: string, firstBatch: number): string =>
  `${attacker.name} ${base} ${firstBatch}`

function observe(
  memory: Memory,
  event: CoordinatorEvent,
  { accepted, effects }: Outcome,
  state: CoordinatorState,
  now: number,
): void {
  if (memory.culprits.size > 0) {
    for (const effect of effects) {
      if (effect.type !== 'reply' || effect.reply.type !== 'leased') continue
      noteLease(memory, state, effect.peer, effect.reply.leaseId, now)
    }
    if (accepted && event.type === 'request') noteRequest(memory, event, now)
  }
  const isBlamed = state.auditCounts.mismatches !== memory.mismatches
  if (isBlamed || effects.some(({ type }) => type === 'disconnect')) noteBlame(memory, state, now)
  memory.mismatches = state.auditCounts.mismatches
}

type Asked = Extract<CoordinatorEvent, { type: 'request' }>

function noteRequest({ culprits }: Memory, { peer, request }: Asked, now: number): void {
  const culprit = culprits.get(peer)
  if (culprit === undefined) return
  if (request.type === 'commit') noteBad(culprit, request.contribution.leaseId, now)
  if (request.type === 'audit') noteBad(culprit, request.answer.leaseId, now)
}

function noteBad(culprit: Culprit, leaseId: LeaseId, now: number): void {
  if (!culprit.falseAbout.has(leaseId)) return
  culprit.bad.add(leaseId)
  culprit.badAt ??= now
}

function noteLease(
  { culprits, held }: Memory,
  { leases, round }: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
  now: number,
): void {
  const culprit = culprits.get(peer)
  if (!culprit?.attacker.withholds) return
  culprit.falseAbout.add(leaseId)
  noteBad(culprit, leaseId, now)
  const { name } = culprit.attacker
  let steps = 0
  for (const lease of leases.values()) {
    const isTheirs = culprits.get(lease.peer)?.attacker.name === name
    if (isTheirs && lease.stage === 'leased') steps += lease.steps
  }
  held.set(name, Math.max(held.get(name) ?? 0, steps / round.budget))
}

/** Whoever is blamed now and was not before. */
function noteBlame({ culprits, accused }: Memory, { records }: CoordinatorState, now: number) {
  for (const [peer, { erredAt, banned }] of records) {
    if (erredAt === null && banned === null) continue
    const culprit = culprits.get(peer)
    if (culprit === undefined) accused.add(peer)
    else culprit.found ??= { bad: culprit.bad.size, at: now }
  }
}
