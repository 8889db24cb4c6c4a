/** The manifests of a run, one a round. */
import { rankedRounds } from '../../coordinator/index.ts'
import { ConfigError, counted, type RoundManifest } from '../../protocol/index.ts'
import { bestRound } from './best-round.ts'
import type { BlobReader } from './evidence.ts'
import type { OpenedRun } from './open-run.ts'
import { readManifest } from './read-manifest.ts'

/**
 * The manifests up to the round that was asked for, oldest first; where none was asked for, up to
 * the one whose adapter did best (by the held-out loss, or the score that run.yaml names), or else
 * the latest. Empty: no round is merged yet.
 * @throws ConfigError when the run has not come to that round
 */
export async function manifestsUntil(
  { state, blobs, folder }: Pick<OpenedRun, 'state' | 'folder'> & { blobs: BlobReader },
  round: number | null,
): Promise<RoundManifest[]> {
  const chain: RoundManifest[] = []
  let next = state.parent?.digest ?? null
  while (next !== null) {
    const { manifest } = await readManifest(blobs, next)
    chain.push({ digest: next, manifest })
    next = manifest.parent
  }
  const wanted = round ?? bestRound(rankedRounds(state)) ?? chain.length
  if (wanted > chain.length) {
    throw new ConfigError(
      `Cannot take the adapter of round ${wanted}: the run in '${folder.root}' has finished ` +
        counted(chain.length, 'round'),
    )
  }
  return chain.reverse().slice(0, wanted)
}
