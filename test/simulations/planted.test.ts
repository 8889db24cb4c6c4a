/**
 * Wrong decisions, planted in the coordinator, one a row: the checkers of a simulation find each of
 * them, and say what does not hold.
 */
import { expect, test } from 'vitest'
import type { AggregationJob, CoordinatorState, Outcome } from '../../coordinator/index.ts'
import { step as production } from '../../coordinator/step.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { runWith } from '../../simulations/run-settings.ts'
import { simulate } from '../../simulations/simulator.ts'
import type { Step } from '../../simulations/world.ts'

const HOUR = 1 / 24

/** Laptops in short rounds, some of which miss a quorum of nine tenths. */
function run(step: Step) {
  const { violations } = simulate({
    seed: 3,
    config: runWith({
      round: { seconds: 120, graceSeconds: 15, batchesMax: 64, quorumFraction: 0.95 },
    }),
    crowds: [{ preset: PRESETS.find(({ name }) => name === 'phones-wifi')!, volunteers: 12 }],
    days: 3 * HOUR,
    checkEvery: 1,
    step,
  })
  return violations
}

type Event = Parameters<Step>[1]
type Spoil = (state: CoordinatorState, event: Event, outcome: Outcome) => void

/** What production decides, and then a mistake. */
const then =
  (spoil: Spoil): Step =>
  (state, event) => {
    const outcome = production(state, event)
    if (outcome.accepted) spoil(state, event, outcome)
    return outcome
  }

/** The mistake is made when a round has been merged. */
const merged = (spoil: (state: CoordinatorState) => void): Step =>
  then((state, event) => {
    if (event.type === 'aggregated') spoil(state)
  })

/** The mistake is in what is to be merged. */
const merging = (spoil: (job: Writable<AggregationJob>, state: CoordinatorState) => void): Step =>
  then((state, _event, { effects }) => {
    for (const effect of effects) if (effect.type === 'aggregate') spoil(effect.job, state)
  })
type Writable<T> = { -readonly [K in keyof T]: T[K] }

const struckForNothing: Step = (state, event) => {
  const before = [...state.leases.values()]
  return then(({ leases, records }) => {
    for (const { leaseId, peer, stage } of before) {
      const isExpired = event.type === 'tick' && stage === 'leased' && !leases.has(leaseId)
      const record = records.get(peer)
      if (isExpired && record !== undefined) record.strikes += 1
    }
  })(state, event)
}

const absoluteTimes = then(({ leases }, _event, { effects }) => {
  for (const effect of effects) {
    if (effect.type !== 'reply' || effect.reply.type !== 'leased') continue
    Object.assign(effect.reply, { stopMs: leases.get(effect.reply.leaseId)!.stopAt })
  }
})

const wholeStep = merging((job, { round }) => {
  round.outerScale = 1
  job.outerScale = 1
})

/** A closing round always has one more to wait for. */
const wholeGrace: Step = (state, event) => {
  const { round } = state
  const waits = round.closesAt === null ? 0 : 1
  round.outstanding += waits
  const outcome = production(state, event)
  round.outstanding -= waits
  return outcome
}

/** Forgotten with everything that knew of it, but for its batches. */
const lostBatches = then((state) => {
  const held = state.leases.get(7)
  if (held === undefined) return
  state.leases.delete(7)
  state.round.outstanding -= held.steps
  const member = state.members.get(held.peer)
  if (member?.leaseId === 7) member.leaseId = null
})

const forgottenDeadline = then(({ leases }) => {
  const held = leases.get(7)
  if (held !== undefined) held.deadlineAt = null
})

const doubleCredit = merged(({ records }) => {
  for (const { credit } of records.values()) Object.assign(credit, { tokens: 2 * credit.tokens })
})

/** One in seven, by its name, is told to wait whenever it asks. */
const starved: Step = (state, event) => {
  const isAsked = event.type === 'request' && event.request.type === 'lease'
  if (!isAsked || Number(event.peer.slice(1)) % 7 !== 3) return production(state, event)
  const reply = { type: 'wait', reason: 'not now', retryMs: 5000 } as const
  const { peer, requestId } = event
  return { accepted: false, effects: [{ type: 'reply', peer, requestId, reply }] }
}

/** The ban is written down, and no more. */
const servedBanned = merged(({ records }) => {
  for (const record of records.values()) record.banned = 'after 3 strikes'
})

const oldPayload = merging(({ contributions }, { history }) => {
  const old = history.at(-1)?.contributions[0]
  if (old !== undefined) contributions.push({ ...contributions[0]!, ...old })
})

const otherWeights = merging(({ contributions }) => {
  contributions[0] = { ...contributions[0]!, tokens: contributions[0]!.tokens + 1 }
})

const countedTwice = merged((state) => {
  state.batchesCounted += 1
})

const goesBack = merged((state) => {
  const { start } = state.round
  if (start.round === 3) Object.assign(state.round, { start: { ...start, round: 1 } })
})

for (const [name, step, found] of [
  ['a strike for an expired lease', struckForNothing, /was struck for nothing/],
  ['stop times told as if the clock began at 0', absoluteTimes, /told another time to stop/],
  ['a whole outer step where the quorum was missed', wholeStep, /outer step is 1 and should be 0/],
  ['a grace that is always waited for', wholeGrace, /waits for nobody/],
  ['a batch counted twice', countedTwice, /batches: \d+ c/],
  ['lost batches', lostBatches, /is lost|are lost/],
  ['doubled credit', doubleCredit, /credit does not add up/],
  ['a willing member that gets nothing', starved, /is willing, and gets nothing/],
  ['a banned member that is served', servedBanned, /is banned and served/],
  ['an old payload in a merge', oldPayload, /is merged but was not leased so/],
  ['weights that are not those committed', otherWeights, /is merged with another weight/],
  ['a round that goes back', goesBack, /a round, a sum or a lease number went back/],
  ['a forgotten deadline', forgottenDeadline, /has no deadline/],
] as const) {
  test(`the checkers find ${name}`, () =>
    expect(run(step)).toContainEqual(expect.stringMatching(found)))
}

test('and nothing where nothing is planted', () => expect(run(production)).toEqual([]))
