/** The texts at a path, read in a thread that ends when a file keeps it busy for ever. */
import { BOUNDS, workInThread } from '../bounded-thread.ts'
import type { Documents } from './sources.ts'

export interface DocumentsTask {
  path: string
  folder: string
}

/** @throws ConfigError that names the file or row which is no text */
export function readDocuments(path: string, folder: string): Promise<Documents> {
  const task: DocumentsTask = { path, folder }
  const module = new URL('./documents-worker.ts', import.meta.url)
  return workInThread(module, task, Object.assign({ task: `read '${path}'` }, BOUNDS))
}
