/** A run's own folder as evidence, or a copy of it. Nothing is written there, nor any key read. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { ConfigError, type Digest, heldOutBlobs } from '../../protocol/index.ts'
import { LostBytesError } from '../storage/errors.ts'
import { blobFile, listBlobs, readBlob } from '../storage/read-blobs.ts'
import { readUntouched } from '../storage/sqlite-journal.ts'
import type { Evidence } from './evidence.ts'
import { reasonOf } from './mismatch.ts'
import { type RunFolder, readCoordinator, whyNoRun } from './run-folder.ts'

/**
 * @param signal once it has aborted, nothing more is read
 * @throws ConfigError when the folder holds no run
 */
export async function folderEvidence(folder: RunFolder, signal?: AbortSignal): Promise<Evidence> {
  if (!existsSync(folder.config)) {
    throw new ConfigError(
      `Cannot check a run in '${folder.root}': ${whyNoRun(folder.root)}. Give the folder that ` +
        '`barnraise host` or `barnraise demo` made, one that `barnraise publish` made, or the ' +
        'address of such a folder',
    )
  }
  const runConfig = await readFile(folder.config)
  const seen = new Set<Digest>()
  return {
    place: folder.root,
    runConfig,
    claimed: { run: null, coordinator: await readCoordinator(folder) },
    *journal(runId) {
      const journal = readUntouched(folder.journal, runId)
      try {
        for (const entry of journal.read()) {
          signal?.throwIfAborted()
          yield entry
        }
      } finally {
        journal.close()
      }
    },
    blobs: {
      read: async (digest) => {
        signal?.throwIfAborted()
        // What is wrong with it is told by whoever needs it, once.
        seen.add(digest)
        return readBlob(folder.blobs, digest)
      },
      file: async (digest) => {
        signal?.throwIfAborted()
        seen.add(digest)
        return blobFile(folder.blobs, digest)
      },
    },
    holdsResults: true,
    digestOf: async (bytes) => createHash('sha256').update(bytes).digest('hex'),
    figures: async () => null,
    checkClaim: async () => null,
    checkHead: () => null,
    async checkRest(config, hear) {
      const { base, dataset } = config
      const blobs = [base.weights, ...dataset.trainShards, ...heldOutBlobs(config)]
      const needed = new Set(blobs.map(({ digest }) => digest))
      for (const digest of new Set([...needed, ...(await listBlobs(folder.blobs))])) {
        if (signal?.aborted) return
        if (seen.has(digest)) continue
        await blobFile(folder.blobs, digest).catch((error) => {
          // Whoever hosts the run meanwhile takes away what turned out to be no payload.
          const isGone = error instanceof LostBytesError && error.code === 'missing'
          if (isGone && !needed.has(digest)) return
          hear({ record: `blob ${digest}`, reason: reasonOf(error) })
        })
      }
    },
    gaps: ['whether the journal went on: only a published run says where it ends'],
  }
}
