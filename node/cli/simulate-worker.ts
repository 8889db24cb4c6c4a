/** A thread of a pool of simulations: one after the other, as it is told what varies. */
import { parentPort, workerData } from 'node:worker_threads'
import { keyFiguresOf, prepareSimulation, type SimulationRequest } from '../../simulations/index.ts'
import type { Variation, Varied } from './simulate-pool.ts'

const request = workerData as SimulationRequest

parentPort!.on('message', (variation: Variation) => {
  const result = prepareSimulation({ ...request, ...variation }).run(() => {})
  const { rounds, totals, violations, traceDigest } = result
  const figures = keyFiguresOf(result)
  const answer: Varied = { ...variation, figures, rounds, totals, violations, traceDigest }
  parentPort!.postMessage(answer)
})
