/**
 * The door of `coordinator/participant/`: the state machine of one volunteer (`createParticipant`,
 * `step`, `nextDeadline`), its events and its effects.
 */

// What a participant is doing, in a word.
export { type Activity, activityOf } from './activity.ts'

// What a decision asks of the world.
export type { ParticipantEffect } from './effect.ts'

// What can happen.
export type { ParticipantEvent } from './event.ts'

// What a participant knows.
export { createParticipant, isCurrent, type ParticipantState } from './state.ts'

// One event at a time.
export { nextDeadline, step } from './step.ts'
