/**
 * The door of `kernels/`: the numbers of a run. Other rooms import from here; what is not listed is
 * the room's own business. Each name is documented where it is defined.
 *
 * Nothing happens when a module of this room is imported, so that a bundle holds only what is used.
 */

// The operations, compiled, on a linear memory.
export { type Arena, createArena, JOB_BYTES_MAX, newSharedMemory } from './arena.ts'
export { hasIntegerPath } from './blocks.ts'
export type { BlockKind, Ops, Pointer, StorageKind } from './ops.ts'
export { createWasmOps } from './ops-wasm.ts'

// The sizes of a model and its adapter, and the tensors of a base.
export {
  type AdapterException,
  type AdapterShape,
  type ModelShape,
  TARGETS,
  targetSize,
  type Target,
} from './shape.ts'
export {
  biasName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  headNormName,
  inputNormName,
  linearName,
  middleNormName,
  type RowSource,
  rowReader,
  type WeightSource,
  weightMatrices,
  weightTensors,
} from './weights.ts'

// What the blocks of a file mean, and float32 as such blocks.
export { quantiseBlocks } from './quantise-blocks.ts'
export { widenBlocks } from './reference/blocks.ts'

// Where the scalars of an adapter lie, and where they start.
export { type AdapterLayout, type AdapterTensor, adapterLayout, initialAdapter } from './lora.ts'

// A lease: what it takes of memory, its steps, and what is sent up.
export { type Batch, batchPart } from './batch.ts'
export { encodedBytes } from './compress.ts'
export { addEvaluation, type Evaluation, lossOf } from './evaluation.ts'
export {
  type JobPause,
  type JobProgress,
  type LocalJob,
  localJob,
  payloadBytes,
  payloadOf,
} from './local-job.ts'
export { momentBytes } from './moments.ts'
export { fitMemory, planMemory } from './plan.ts'
export {
  createTrainer,
  feedTrainer,
  helpTrainer,
  type JobShape,
  type Trainer,
} from './train-step.ts'

// A round, closed: contributions become the next adapter of everyone.
export type { Measured } from './aggregate.ts'
export type { MergeRule } from './combine.ts'
export { openCorrection } from './correction.ts'
export { applyServerDelta } from './outer.ts'
export {
  initialOuterState,
  type OuterState,
  parseOuterState,
  serialiseOuterState,
} from './outer-state.ts'
export { measurePayload, openMerge } from './server-round.ts'

// A model that reads and writes.
export {
  createGenerator,
  type Generator,
  type GeneratorShape,
  generatorBytes,
  type Scores,
} from './generator.ts'

// Several threads on one memory, and how one of them stops another.
export { type Control, isStopRequested, newControl, requestStop } from './control.ts'
export { closeFeed, type FeedBoard, newFeedBoard, sharedFeed } from './feed.ts'
export { type Board, closeBoard, newBoard } from './threads.ts'

// Whether an engine can run the kernels, gives the right bits, and in which tiles it is fastest.
export { missingFeature } from './features.ts'
export {
  type Answers,
  checkMachine,
  knownAnswers,
  MachineError,
  wrongAnswer,
} from './known-answers.ts'
export { FAIR_TILES, TILES, type Tiles } from './tile-template.ts'
export { tune } from './tune.ts'

// Functions that have the same bits on every engine.
export { expDouble } from './portable-math.ts'
export { judge, type Preference, type Rated } from './preference.ts'
export { ropeFrequency } from './reference/math.ts'
