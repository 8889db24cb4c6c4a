/** Who may be drawn to repeat somebody's work, and how often. */
import { expect, test } from 'vitest'
import type { Audit } from '../../coordinator/audit.ts'
import { assignAudit } from '../../coordinator/auditors.ts'
import { PROVEN_MIN, recordOf } from '../../coordinator/record.ts'
import { changeMember } from '../../coordinator/roster.ts'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import type { Member, PeerRecord } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { blobNamed, digestOfText } from '../protocol/example-config.ts'
import { startConversation } from './coordinator-language.ts'

type Who = Partial<Pick<Member, 'origin' | 'stepMs' | 'paceMs' | 'audits'>> &
  Partial<Pick<PeerRecord, 'verifiedInARow' | 'erredAt' | 'partner'>> & { isAway?: boolean }
interface World {
  trust: RunConfig['audit']['trust']
  /** Whose work it is. */
  ann: Who
  others: Record<string, Who>
}

const DRAWS = 400

/** A state in which these are here, to be restored. */
function begin({ trust, ann, others }: World): Uint8Array {
  const { state, eventOf } = startConversation([
    { input: [`config audit.trust=${trust} audit.ownShare=1`], output: '' },
  ])
  step(state, eventOf('0 started')!)
  for (const [peer, who] of Object.entries({ ann, ...others })) {
    const place = typeof who.origin === 'string' ? ` origin=${who.origin}` : ''
    step(state, eventOf(`1 join ${peer}${place}`)!)
    const member = state.members.get(peer)!
    changeMember(state, member, { stepMs: who.stepMs ?? null, paceMs: who.paceMs ?? null })
    member.audits = who.audits ?? []
    const { verifiedInARow = 0, erredAt = null, partner = null } = who
    Object.assign(recordOf(state, peer), { verifiedInARow, erredAt, partner })
    if (who.isAway) step(state, eventOf(`2 lost ${peer}`)!)
  }
  return snapshot(state)
}

/** How often whom, of so many draws; where nobody is, the stage. */
function drawnFor(world: World): Record<string, number> {
  const counts: Record<string, number> = {}
  const begun = begin(world)
  for (let draw = 0; draw < DRAWS; draw++) {
    const state = restore(begun)
    const audit: Audit = {
      auditId: 1,
      leaseId: 0,
      peer: 'ann',
      block: world.ann.origin ?? null,
      start: state.round.start,
      firstBatch: 0,
      trace: [digestOfText('step')],
      payload: blobNamed('payload').digest,
      tokens: 1,
      kind: 'full',
      steps: 1,
      draw: digestOfText(`draw ${draw}`),
      cause: 'coin',
      attempts: 0,
      stage: 'open',
      auditor: null,
      deadlineAt: null,
      answer: null,
    }
    state.audits.set(audit.auditId, audit)
    assignAudit(state, audit, 10)
    const who = audit.auditor ?? audit.stage
    counts[who] = (counts[who] ?? 0) + 1
  }
  return counts
}

const proven = { verifiedInARow: PROVEN_MIN }
for (const [what, world, expected] of [
  ['friends: whoever else is here', { others: { bob: {}, cy: {} } }, ['bob', 'cy']],
  ['friends: also of the same place', { ann: { origin: 'a' }, others: { bob: { origin: 'a' } } }],
  ['friends: also who did it last', { ann: { partner: 'bob' }, others: { bob: {} } }],
  ['nobody else is here: the coordinator', { others: { cy: { isAway: true } } }, ['own']],
  ['not one that is away', { others: { bob: {}, cy: { isAway: true } } }],
  ['not one for whom two wait', { others: { bob: { audits: [7] }, cy: { audits: [7, 8] } } }],
  ['not one that erred', { others: { bob: {}, cy: { erredAt: 0, verifiedInARow: 9 } } }],
  ['... before it is proven again', { others: { bob: { erredAt: 0, ...proven } } }],
  [
    'strangers: whoever is of another place',
    {
      trust: 'strangers',
      ann: { origin: 'a' },
      others: { bob: { origin: 'b' }, cy: { origin: 'c' }, dee: { origin: 'a' } },
    },
    ['bob', 'cy'],
  ],
  [
    'strangers: nobody proven of the same place',
    { trust: 'strangers', ann: { origin: 'a' }, others: { cy: { origin: 'a', ...proven } } },
    ['own'],
  ],
  [
    'strangers: of no known place, who is proven',
    { trust: 'strangers', ann: { origin: 'a' }, others: { bob: proven } },
  ],
  [
    'strangers: ... and nobody else',
    { trust: 'strangers', ann: { origin: 'a' }, others: { cy: {} } },
    ['own'],
  ],
  [
    'strangers: where the place of the work is not known, who is proven',
    { trust: 'strangers', others: { bob: { origin: 'b', ...proven } } },
  ],
  [
    'strangers: ... and nobody else, of whatever place',
    { trust: 'strangers', others: { cy: { origin: 'c', verifiedInARow: 9 } } },
    ['own'],
  ],
  [
    'strangers: neither place is known, and nobody is proven',
    { trust: 'strangers', others: { cy: {} } },
    ['own'],
  ],
  [
    'strangers: not who did it last',
    {
      trust: 'strangers',
      ann: { origin: 'a', partner: 'cy' },
      others: { bob: { origin: 'b' }, cy: { origin: 'c', ...proven } },
    },
  ],
] as [string, Partial<World>, string[]?][]) {
  test(`drawn among ${what}`, () => {
    const counts = drawnFor({ trust: 'friends', ann: {}, others: {}, ...world })
    // Eight are drawn for each attempt: where few are here, hardly ever none that may.
    for (const [who, count] of Object.entries(counts)) if (count < DRAWS / 20) delete counts[who]
    expect(Object.keys(counts).sort()).toEqual(expected ?? ['bob'])
  })
}

for (const [what, trust, bob, cy, share] of [
  ['three times as fast, three times as often', 'friends', { paceMs: 100 }, 300, 0.75],
  ['... but no more than four times', 'friends', { paceMs: 1 }, 900, 0.8],
  ['who has not delivered yet counts as the slowest', 'friends', {}, 3_600_000, 0.5],
  ['... whatever it says of itself', 'friends', { stepMs: 1 }, 3_600_000, 0.5],
  ['strangers are not asked how fast they are', 'strangers', { paceMs: 100 }, 900, 0.5],
] as const) {
  test(what, () => {
    const others = { bob: { ...bob, origin: 'b' }, cy: { paceMs: cy, origin: 'c' } }
    const { bob: count = 0 } = drawnFor({ trust, ann: { origin: 'a' }, others })
    // Three standard deviations of a fair draw.
    expect(Math.abs(count / DRAWS - share)).toBeLessThan(3 * Math.sqrt(0.25 / DRAWS))
  })
}

test('strangers: a proven one is preferred where one is drawn', () => {
  const others = { bob: { origin: 'b', ...proven }, cy: { origin: 'c' }, dee: { origin: 'd' } }
  const { bob = 0 } = drawnFor({ trust: 'strangers', ann: { origin: 'a' }, others })
  // It is not among the eight that are drawn of four with a chance of 0.1.
  expect(bob / DRAWS).toBeGreaterThan(0.85)
})
