/**
 * A run on this machine, opened to be read: its journal replayed, its blobs at hand. Nothing is
 * changed.
 */
import type { CoordinatorState } from '../../coordinator/index.ts'
import type { PeerId, RunConfig, RunId } from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import { readSqliteJournal } from '../storage/sqlite-journal.ts'
import { freshState, replay } from './replay.ts'
import { type RunFolder, readCoordinator, readRunConfig } from './run-folder.ts'

export interface OpenedRun {
  folder: RunFolder
  config: RunConfig
  runId: RunId
  state: CoordinatorState
  blobs: BlobStore
  /** Who coordinates it, as the folder has it; null: it does not say. */
  coordinator: PeerId | null
  /** What those who joined called themselves, at last. */
  names: ReadonlyMap<PeerId, string>
}

/** @throws ConfigError when the folder holds no run; StorageError when its journal is damaged. */
export async function openRun(folder: RunFolder): Promise<OpenedRun> {
  const { config, runId } = await readRunConfig(folder)
  const state = freshState(config, runId)
  const journal = readSqliteJournal(folder.journal, runId)
  const names = new Map<PeerId, string>()
  try {
    replay(state, journal, (event) => {
      if (event.type !== 'request' || event.request.type !== 'join') return
      names.set(event.peer, event.request.name)
    })
  } finally {
    journal.close()
  }
  const blobs = await createFileBlobStore(folder.blobs)
  const coordinator = await readCoordinator(folder)
  return { folder, config, runId, state, blobs, coordinator, names }
}
