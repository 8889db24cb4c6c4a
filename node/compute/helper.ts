/** A helping thread in Node. */
import { workerData } from 'node:worker_threads'
import { type HelperData, help } from './help.ts'

help(workerData as HelperData)
