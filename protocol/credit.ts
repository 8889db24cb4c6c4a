/**
 * Who did how much of a run, by what its coordinator signed and by nothing else. The manifests are
 * a chain: each names every contribution that its round counted, and what of earlier rounds it
 * subtracted. Work that was subtracted gives no credit, and neither does that of rounds which the
 * run went back behind, as they are no part of the chain.
 */
import type { Digest } from './digest.ts'
import type { Correction, CountedContribution, Manifest } from './envelope.ts'
import { ProtocolError } from './errors.ts'
import type { Credit, LeaseId, PeerId } from './messages.ts'
import type { RunId } from './run-config.ts'

export interface PeerCredit extends Credit {
  peer: PeerId
}

export const NO_CREDIT: Credit = Object.freeze({ tokens: 0, batches: 0, contributions: 0 })

/**
 * Credit with a contribution more, or with one less. Whoever counts, of manifests or of a run as it
 * goes, counts by this.
 */
export function credited(
  { tokens, batches, contributions }: Credit,
  done: Pick<CountedContribution, 'tokens' | 'steps'>,
  by: 1 | -1 = 1,
): Credit {
  return {
    tokens: tokens + by * done.tokens,
    batches: batches + by * done.steps,
    contributions: contributions + by,
  }
}

/** A manifest, and the digest by which others name it. */
export interface RoundManifest {
  digest: Digest
  manifest: Manifest
}

/** Contributions of one round that count no more. */
export type Subtracted = Pick<Correction, 'leaseIds'> & { manifest: { digest: Digest } }

/** Most tokens first; whoever has as many as another is listed by peer id. */
export interface Credits {
  counted: PeerCredit[]
  /** What was merged once, and counts no more. */
  takenBack: PeerCredit[]
}

interface Books {
  /** What counts yet, by the manifest that counted it. */
  counted: Map<Digest, Map<LeaseId, CountedContribution>>
  takenBack: CountedContribution[]
}

/**
 * @param chain every manifest of the run, oldest first, with signatures that were checked
 * @param takenBack what no manifest has subtracted yet
 * @throws ProtocolError `malformed` where the manifests do not follow from one another
 */
export function creditOf(
  runId: RunId,
  chain: readonly RoundManifest[],
  takenBack: readonly Subtracted[] = [],
): Credits {
  const books: Books = { counted: new Map(), takenBack: [] }
  let before: RoundManifest | null = null
  for (const each of chain) {
    checkLink(runId, before, each)
    const { corrections, contributions } = each.manifest
    for (const correction of corrections) subtract(books, correction)
    books.counted.set(each.digest, new Map(contributions.map((done) => [done.leaseId, done])))
    before = each
  }
  for (const lost of takenBack) subtract(books, lost)
  const counted = [...books.counted.values()].flatMap((each) => [...each.values()])
  return { counted: leaderboard(counted), takenBack: leaderboard(books.takenBack) }
}

function checkLink(
  runId: RunId,
  before: RoundManifest | null,
  { digest, manifest }: RoundManifest,
): void {
  const parent = before?.digest ?? null
  if (manifest.runId !== runId) refuse(digest, 'runId', runId, manifest.runId)
  if (manifest.parent !== parent) refuse(digest, 'parent', parent, manifest.parent)
  if (before !== null && manifest.round <= before.manifest.round) {
    refuse(digest, 'round', `above ${before.manifest.round}`, manifest.round)
  }
}

function subtract(
  { counted, takenBack }: Books,
  { manifest: { digest }, leaseIds }: Subtracted,
): void {
  const ofRound = counted.get(digest)
  for (const leaseId of leaseIds) {
    const lost = ofRound?.get(leaseId)
    if (lost === undefined) {
      return refuse(digest, 'leaseIds', 'of contributions that count', leaseId)
    }
    ofRound!.delete(leaseId)
    takenBack.push(lost)
  }
}

function refuse(
  digest: Digest,
  field: string,
  rule: string | null,
  current: string | number | null,
): never {
  throw new ProtocolError(
    'malformed',
    `Cannot count manifest ${digest} as '${field}' must be ${rule}: current value is ${current}`,
  )
}

function leaderboard(contributions: readonly CountedContribution[]): PeerCredit[] {
  const credits = new Map<PeerId, Credit>()
  for (const done of contributions) {
    credits.set(done.peer, credited(credits.get(done.peer) ?? NO_CREDIT, done))
  }
  return Array.from(credits, ([peer, credit]) => ({ peer, ...credit })).sort(
    (a, b) => b.tokens - a.tokens || (a.peer < b.peer ? -1 : 1),
  )
}
