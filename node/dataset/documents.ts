/**
 * What lies at a path for a model to be measured on, read in a thread that ends when a file keeps
 * it busy for ever.
 */
import { BOUNDS, workInThread } from '../bounded-thread.ts'
import type { Documents, RatedRows, RatingLoss } from './sources.ts'

export interface DocumentsTask {
  path: string
  folder: string
  /** Rows that rate answers are read as such, for this loss; null: only texts are read. */
  rl: RatingLoss | null
}

/** @throws ConfigError that names the file or row which is no text, nor rates answers if it may */
export function readDocuments(task: DocumentsTask): Promise<Documents | RatedRows> {
  const module = new URL('./documents-worker.ts', import.meta.url)
  return workInThread(module, task, Object.assign({ task: `read '${task.path}'` }, BOUNDS))
}
