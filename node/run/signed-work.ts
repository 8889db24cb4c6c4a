/** What the manifests count, held against what volunteers have signed. */
import type {
  Contribution,
  CountedContribution,
  Manifest,
  RoundManifest,
} from '../../protocol/index.ts'
import type { Mismatch } from './mismatch.ts'
import type { RunRecord } from './read-record.ts'

/** The first contribution that a manifest counts otherwise than its maker has signed it. */
export function unsignedIn(
  { contributions }: Pick<RunRecord, 'contributions'>,
  manifests: readonly RoundManifest[],
): Mismatch | null {
  for (const { digest, manifest } of manifests) {
    for (const counted of manifest.contributions) {
      const { leaseId, peer } = counted
      if (isSigned(contributions.get(leaseId), manifest, counted)) continue
      const reason = `lease ${leaseId} is not in the journal as ${peer} has signed it`
      return { record: `manifest ${digest}`, reason }
    }
  }
  return null
}

/** Weight and clip are what the merge made of it, which no volunteer knows when it signs. */
function isSigned(
  signed: Contribution | undefined,
  { round, base }: Manifest,
  { peer, firstBatch, steps, tokens, payload }: CountedContribution,
): boolean {
  return (
    signed !== undefined &&
    signed.round === round &&
    signed.base === base &&
    signed.peer === peer &&
    signed.firstBatch === firstBatch &&
    signed.steps === steps &&
    signed.tokens === tokens &&
    signed.payload.digest === payload.digest
  )
}
