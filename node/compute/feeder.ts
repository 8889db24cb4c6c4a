/** A thread in Node that reads layers of a base as a step comes to them. */
import { workerData } from 'node:worker_threads'
import { openBlobWeights } from '../model/weight-file.ts'
import { type FeederData, feed } from './help.ts'

feed(workerData as FeederData, openBlobWeights)
