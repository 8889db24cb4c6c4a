/**
 * What proves a run that goes on, laid out as `barnraise publish` lays it out: a table of contents
 * that the coordinator signs anew whenever the journal has grown, and the files below it. Its
 * journal ends before the first work that may yet be repeated: else whoever repeats it could read
 * the answer there.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CoordinatorEvent } from '../../coordinator/index.ts'
import {
  concatBytes,
  type Digest,
  heldOutBlobs,
  type LeaseId,
  type PeerId,
  utf8ToBytes,
} from '../../protocol/index.ts'
import type { ReadModel } from '../history/read-model.ts'
import type { Identity } from '../network/identity.ts'
import { readIdentity } from '../network/identity-file.ts'
import { encodePublication, signPublication } from '../run/publication.ts'
import { signReceipt, writeReceipt } from '../run/receipt.ts'
import { eventOf } from '../run/replay.ts'
import { type RunFolder, readRunConfig } from '../run/run-folder.ts'
import { blobPath } from '../storage/blob-path.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { genesisOf, type JournalHead } from '../storage/journal.ts'
import { encodeJournal } from '../storage/journal-file.ts'
import { readUntouched } from '../storage/sqlite-journal.ts'

export interface ProofFiles {
  /** @throws Error when the folder holds no run whose key is there */
  index(): Promise<Uint8Array>
  config(): Promise<Uint8Array>
  journal(): Promise<Uint8Array>
  /** The receipt of a peer; null: nothing of its work counts. @throws Error as `index` does */
  receipt(peer: PeerId): Promise<Uint8Array | null>
  /** Where the blob is; null: it is not there, or not given out. */
  find(digest: Digest): Promise<{ path: string; bytes: number } | null>
}

interface Proof {
  index: Uint8Array
  journal: Uint8Array
}

interface ProvedModel
  extends Pick<ReadModel, 'statedOf' | 'unsettledLeases' | 'isUnsettledManifest'> {
  readonly run: Pick<ReadModel['run'], 'seq'>
}

interface ProofMaking {
  make(): Promise<Proof>
  /** ms, of a clock that never goes back. */
  now(): number
}

/** A new proof is made this long after the last at the earliest, and by a share of the time. */
const REST_MS_MIN = 1_000
const SHARE_MAX = 0.1

/**
 * Whoever asks has the proof that was made last, unless the journal has grown since and making one
 * again takes a tenth of the time at most: however many ask, and however often.
 * @param model knows the journal's newest entry
 */
export function createProofFiles(
  folder: RunFolder,
  model: ProvedModel,
  { make, now }: ProofMaking = {
    make: () => makeProof(folder, model),
    now: () => performance.now(),
  },
): ProofFiles {
  let latest: Promise<Proof> | null = null
  /** The newest entry when it was begun; none where it failed. */
  let seq = -1
  let restUntil = Number.NEGATIVE_INFINITY

  function proof(): Promise<Proof> {
    if (latest !== null && (model.run.seq <= seq || now() < restUntil)) return latest
    const begun = now()
    seq = model.run.seq
    restUntil = Number.POSITIVE_INFINITY
    latest = make()
    const rest = () => {
      const took = now() - begun
      restUntil = begun + Math.max(REST_MS_MIN, took / SHARE_MAX)
    }
    latest.then(rest, () => {
      seq = -1
      rest()
    })
    return latest
  }

  return {
    index: async () => (await proof()).index,
    config: () => readFile(folder.config),
    journal: async () => (await proof()).journal,
    async receipt(peer) {
      const stated = model.statedOf(peer)
      if (stated === null) return null
      const { peerId: coordinator, sign } = await coordinatorOf(folder)
      return utf8ToBytes(`${writeReceipt(await signReceipt({ ...stated, coordinator }, sign))}\n`)
    },
    async find(digest) {
      const { config } = await readRunConfig(folder)
      if (heldOutBlobs(config).some((kept) => kept.digest === digest)) return null
      if (model.isUnsettledManifest(digest)) return null
      const path = join(folder.blobs, blobPath(digest))
      const found = await stat(path).catch(ignoreMissing)
      return found === undefined ? null : { path, bytes: found.size }
    },
  }
}

async function coordinatorOf(folder: RunFolder): Promise<Identity> {
  const identity = await readIdentity(folder.identity)
  if (identity === null) throw new Error(`The key of the coordinator, ${folder.identity}, is gone`)
  return identity
}

async function makeProof(
  folder: RunFolder,
  model: Pick<ProvedModel, 'unsettledLeases'>,
): Promise<Proof> {
  const { config, runId } = await readRunConfig(folder)
  const identity = await coordinatorOf(folder)
  const reader = readUntouched(folder.journal, runId)
  let head: JournalHead = { seq: 0, chain: genesisOf(runId) }
  function* noted() {
    const unsettled = model.unsettledLeases()
    for (const entry of reader.read()) {
      const lease = committedLease(eventOf(entry.body))
      if (lease !== null && unsettled.has(lease)) return
      head = entry
      yield entry
    }
  }
  try {
    const journal = concatBytes(...encodeJournal(noted()))
    const publication = await signPublication(
      {
        name: config.name,
        runId,
        coordinator: identity.peerId,
        entries: head.seq,
        head: head.chain,
        files: [],
      },
      identity.sign,
    )
    return { index: encodePublication(publication), journal }
  } finally {
    reader.close()
  }
}

function committedLease(event: CoordinatorEvent): LeaseId | null {
  if (event.type !== 'request' || event.request.type !== 'commit') return null
  return event.request.contribution.leaseId
}
