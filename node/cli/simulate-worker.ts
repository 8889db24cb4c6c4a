/** A thread of `barnraise simulate --seeds`: one simulation after the other, as it is told seeds. */
import { parentPort, workerData } from 'node:worker_threads'
import { keyFiguresOf, prepareSimulation, type SimulationRequest } from '../../simulations/index.ts'
import type { SeedResult } from './simulate-seeds.ts'

const request = workerData as Omit<SimulationRequest, 'seed'>

parentPort!.on('message', (seed: number) => {
  const result = prepareSimulation({ ...request, seed }).run(() => {})
  const { rounds, totals, violations, traceDigest } = result
  const figures = keyFiguresOf(result)
  const answer: SeedResult = { seed, figures, rounds, totals, violations, traceDigest }
  parentPort!.postMessage(answer)
})
