/** What scores the adapters of a run on its own questions and prompts, if it has any. */
import type { RunConfig } from '../../protocol/index.ts'
import type { JobLimits } from '../compute/job.ts'
import { decodeScoredRows } from '../dataset/scored-rows.ts'
import { openTokenizer } from '../model/open-tokenizer.ts'
import type { RunFolder } from '../run/run-folder.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { type AdapterScorer, createAdapterScorer } from '../text/score-adapter.ts'

/** @throws StorageError or ProtocolError when the rows are not there, or damaged */
export async function openScorer(
  folder: RunFolder,
  config: RunConfig,
  blobs: BlobStore,
  { memoryBytesMax }: JobLimits,
): Promise<AdapterScorer | null> {
  if (config.scoring === undefined) return null
  const rows = decodeScoredRows(await blobs.read(config.scoring.rows.digest))
  const { decode } = await openTokenizer(folder.base)
  const weights = await blobs.file(config.base.weights.digest)
  return createAdapterScorer({ config, rows, weights, decode, memoryBytesMax })
}
