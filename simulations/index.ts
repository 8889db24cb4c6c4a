/**
 * The door of `simulations/`: a run of thousands in virtual time. Other rooms import from here;
 * what is not listed is the room's own business. Each name is documented where it is defined.
 */

// Where the volunteers' time went.
export { auditShareOf, wasteShares } from './accounts.ts'
// Who attacks, and what became of them.
export type { AttackFigures } from './attack-figures.ts'
export { ATTACKERS } from './attackers/all.ts'
// What it draws.
export { type Energy, energyOf } from './energy.ts'
// Several seeds.
export { differencesOf, type KeyFigures, keyFiguresOf, summariesOf } from './key-figures.ts'
// A search for good settings.
export { TRIALS_MAX, type Trial } from './plan.ts'
// A simulation as a person asks for it.
export { type Prepared, prepareSimulation, type SimulationRequest } from './prepare.ts'
// Real numbers, as the platform has them.
export type { Numbers, Subtracted } from './real-learning.ts'
// Figures and pages of a result.
export { figuresCsv, figuresOf, type Made, type TraceMade } from './report/figures.ts'
export { methodsOf } from './report/methods.ts'
export { reportPage } from './report/page.ts'
// What it comes to.
export type { SimulationResult } from './simulator.ts'
export type { Summary } from './statistics.ts'
// Many points of what can be set.
export { type Axis, axisOf, type Point, pointsOf } from './sweep.ts'

// Churn as it was.
export { type TraceRow, traceExtent, traceWithin } from './trace.ts'
export type { TraceFormat } from './traces/found-sessions.ts'
export { parseTrace, type Trace, type TraceOptions, traceOfRecords } from './traces/parse-trace.ts'
