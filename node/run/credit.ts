/**
 * The leaderboard of a run, counted again from its manifests. Each contribution that they count is
 * to be in the journal, as its maker signed it: what nobody has signed gives nobody credit. Of the
 * journal it needs besides where their chain ends, what has been taken back since, and names.
 */
import {
  creditOf,
  type Digest,
  type PeerCredit,
  type PeerId,
  type RoundManifest,
  type RunId,
  signingBytes,
} from '../../protocol/index.ts'
import { verifySignature } from '../network/identity.ts'
import type { BlobReader, Evidence } from './evidence.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { readManifest } from './read-manifest.ts'
import { type RunRecord, readRecord } from './read-record.ts'
import { freshState } from './replay.ts'
import { unsignedIn } from './signed-work.ts'
import { openEvidence, type Trusted } from './verify.ts'

export interface NamedCredit extends PeerCredit {
  name: string
}

export interface RunCredit {
  runName: string
  runId: RunId
  coordinator: PeerId
  /** Rounds whose manifests were counted, and the newest of these; null: no round is merged yet. */
  rounds: number
  manifest: Digest | null
  volunteers: NamedCredit[]
  /** What was merged once and counts no more, whether a round has subtracted it yet or not. */
  takenBack: NamedCredit[]
}

/**
 * What the manifests give, or the first record that does not fit.
 * @throws ConfigError when nothing says who coordinated
 */
export async function creditIn(
  evidence: Evidence,
  trusted: Trusted,
): Promise<{ credit: RunCredit } | { mismatch: Mismatch }> {
  const opened = await openEvidence(evidence, trusted)
  if ('mismatch' in opened) return opened
  const { config, runId, coordinator } = opened
  const record = await readRecord(evidence.journal(runId), freshState(config, runId), () => {})
  const mismatch = record.mismatch ?? evidence.checkHead(record.head)
  if (mismatch !== null) return { mismatch }
  const chain = await readChain(evidence.blobs, coordinator, record.state.parent?.digest ?? null)
  if ('mismatch' in chain) return chain
  const { manifests } = chain
  const unsigned = unsignedIn(record, manifests)
  if (unsigned !== null) return { mismatch: unsigned }
  try {
    const { counted, takenBack } = creditOf(runId, manifests, takenBackIn(record))
    return {
      credit: {
        runName: config.name,
        runId,
        coordinator,
        rounds: manifests.length,
        manifest: manifests.at(-1)?.digest ?? null,
        volunteers: counted.map(withName(record)),
        takenBack: takenBack.map(withName(record)),
      },
    }
  } catch (error) {
    return { mismatch: { record: 'manifests', reason: reasonOf(error) } }
  }
}

const withName =
  ({ names }: RunRecord) =>
  (credit: PeerCredit): NamedCredit => ({ ...credit, name: names.get(credit.peer) ?? credit.peer })

/** What the next merge will subtract. */
function takenBackIn({ state: { takenBack, history } }: RunRecord) {
  return takenBack.map(({ round, contributions }) => ({
    manifest: history[round]!.manifest,
    leaseIds: contributions.map(({ leaseId }) => leaseId),
  }))
}

/** The manifests that lead to the newest, oldest first, each with its signature checked. */
async function readChain(
  blobs: BlobReader,
  coordinator: PeerId,
  newest: Digest | null,
): Promise<{ manifests: RoundManifest[] } | { mismatch: Mismatch }> {
  const manifests: RoundManifest[] = []
  let next = newest
  while (next !== null) {
    const digest: Digest = next
    try {
      const { manifest, signature } = await readManifest(blobs, digest)
      const signed = signingBytes('manifest', manifest)
      if (!(await verifySignature(coordinator, signed, signature))) {
        return faulty(digest, `its signature is not that of coordinator ${coordinator}`)
      }
      manifests.push({ digest, manifest })
      next = manifest.parent
    } catch (error) {
      return faulty(digest, reasonOf(error))
    }
  }
  return { manifests: manifests.reverse() }
}

const faulty = (digest: Digest, reason: string) => ({
  mismatch: { record: `manifest ${digest}`, reason },
})
