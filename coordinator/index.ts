/**
 * The door of `coordinator/`: the state machine of a run (`initialState`, `step`, `nextDeadline`)
 * and what its shell needs around it. A volunteer's decisions have a door of their own,
 * `coordinator/participant/index.ts`; neither room imports the other.
 */

// A queue of deadlines.
export { type DeadlineQueue, peekDeadline, pushDeadline } from './deadlines.ts'

// What was done again, and what came of it.
export type { AuditResult } from './audit.ts'

// The coin.
export { coinKeyOf, drawOf } from './draws.ts'

// What a decision asks of the world.
export type { AggregationJob, AuditJob, CoordinatorEffect, OfferedContribution } from './effect.ts'

// When a run is done.
export { isDone } from './ending.ts'

// What can happen.
export type {
  Aggregate,
  CoordinatorEvent,
  CoordinatorEventOf,
  KnownRequest,
} from './event.ts'

// What a step comes to.
export type { Outcome } from './outcome.ts'

// What the world owes after a restart.
export { pendingAggregation, pendingEffects } from './pending.ts'

// Which of two adapters is the better.
export { rankedRounds } from './ranking.ts'

// The state as bytes and back.
export { restore, snapshot } from './snapshot.ts'

// What a coordinator knows.
export {
  type CoordinatorState,
  initialState,
  type MergedContribution,
  type MergedRound,
} from './state.ts'

// The state in public.
export { statusOf } from './status.ts'

// One event at a time.
export { nextDeadline, step } from './step.ts'

// What is told to nobody yet.
export { isUnsettledManifest, unsettledLeases } from './unsettled.ts'
