/** A folder for what a thread reads from disk; whoever started the thread takes it away. */
import { mkdirSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import type { ThreadData } from './thread.ts'

export function folderOfThread(): string {
  const { folder } = workerData as ThreadData
  mkdirSync(folder, { recursive: true })
  return folder
}
