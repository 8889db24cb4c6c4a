/**
 * The general text in a base's tokens, cut in a thread that is ended when the base's tokenizer is
 * made to take for ever (node/bounded-thread.ts).
 */
import type { RunConfig } from '../../protocol/index.ts'
import { BOUNDS, workInThread } from '../bounded-thread.ts'
import type { Sequences } from './shards.ts'

export interface GeneralTask {
  /** The folder with the base's tokenizer. */
  folder: string
  config: RunConfig
}

/** @throws ConfigError when the tokenizer cannot be used, or takes too long */
export function readGeneral(task: GeneralTask, bounds = BOUNDS): Promise<Sequences> {
  const module = new URL('./general-worker.ts', import.meta.url)
  return workInThread(module, task, Object.assign({ task: 'cut the general text' }, bounds))
}
