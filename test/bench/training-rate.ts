/** How fast the trainer is on one thread, wherever it runs. Pure but for the clock it is given. */
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import type { TileName } from '../../kernels/tile-template.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { fastestTiles } from '../../kernels/tune.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import {
  batchOfStep,
  EMBEDDED_SHAPE,
  firstAdapter,
  type GoldenJob,
  shapeOfJob,
} from '../engines/golden-jobs.ts'

const JOB: GoldenJob = {
  name: 'rate',
  model: EMBEDDED_SHAPE,
  kernels: { base: 'float32', path: 'float32' },
  sequences: 4,
  sequenceLength: 64,
  steps: 1,
}
const STEP_TOKENS = JOB.sequences * JOB.sequenceLength

/** Tokens a second, measured for `ms`; with the tiles that are fastest there, as volunteers do. */
export type MeasureRate = (ms: number) => number

export function openTraining(
  kernels: Uint8Array<ArrayBuffer>,
  weights: Uint8Array,
  clock: () => number,
): MeasureRate {
  const module = new WebAssembly.Module(kernels)
  const trial = newSharedMemory(1)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, trial, { tiles: { float32: tile, int16: tile } })
  const tiles = fastestTiles(inTiles, createArena(trial), clock)
  const memory = newSharedMemory(64)
  const trainer = createTrainer(
    createWasmOps(module, memory, { tiles }),
    createArena(memory),
    shapeOfJob(JOB, 1),
    weightsFromBytes(EMBEDDED_SHAPE, weights),
  )
  trainer.load(firstAdapter(trainer.layout.count), null)
  const batch = batchOfStep(JOB, 0)
  return (ms) => {
    const from = clock()
    let steps = 0
    do {
      const outcome = trainer.localStep(batch, 1e-3)
      if (outcome.status !== 'ok') throw new Error(`a step is ${outcome.status}`)
      steps += 1
    } while (clock() - from < ms)
    return (1000 * steps * STEP_TOKENS) / (clock() - from)
  }
}
