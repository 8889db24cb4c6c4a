/** A published run as evidence, wherever it lies. The same lines run in Node and in a browser. */
import { type Digest, heldOutBlobs, RUN_CONFIG_BYTES_MAX } from '../../protocol/index.ts'
import { blobPath } from '../storage/blob-path.ts'
import { LostBytesError, StorageError } from '../storage/errors.ts'
import { decodeJournal } from '../storage/journal-file.ts'
import { keepSome } from './blob-memory.ts'
import type { BlobReader, Evidence } from './evidence.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { type LocalFiles, type Place, readWhole } from './place.ts'
import {
  BLOBS_FOLDER,
  CONFIG_FILE,
  decodePublication,
  FIGURES_FILE,
  INDEX_BYTES_MAX,
  INDEX_FILE,
  isSigned,
  JOURNAL_FILE,
  type Publication,
  type PublishedFile,
} from './publication.ts'
import { JOURNAL_ENTRY_BYTES_MAX } from './replay.ts'

/** The largest journal that is read; a run of a million leases has a tenth of it. */
const JOURNAL_BYTES_MAX = 2 ** 33

/**
 * The evidence, or what is wrong with the table of contents.
 * @throws NetworkError when nobody answers there
 */
export async function publishedEvidence(place: Place): Promise<Evidence | Mismatch> {
  let publication: Publication
  let runConfig: Uint8Array
  try {
    publication = decodePublication(await readWhole(place, INDEX_FILE, INDEX_BYTES_MAX))
  } catch (error) {
    return { record: INDEX_FILE, reason: reasonOf(error) }
  }
  try {
    runConfig = await readWhole(place, CONFIG_FILE, RUN_CONFIG_BYTES_MAX)
  } catch (error) {
    return { record: CONFIG_FILE, reason: reasonOf(error) }
  }
  return evidenceOf(place, publication, runConfig)
}

async function evidenceOf(
  place: Place,
  publication: Publication,
  runConfig: Uint8Array,
): Promise<Evidence> {
  const { runId, coordinator, entries } = publication
  const seen = new Set<string>([CONFIG_FILE])
  const gaps: string[] = []
  return {
    place: place.name,
    runConfig,
    claimed: { run: runId, coordinator },
    async *journal() {
      const pieces = place.open(JOURNAL_FILE, JOURNAL_BYTES_MAX)
      for await (const entry of decodeJournal(pieces, { bodyBytesMax: JOURNAL_ENTRY_BYTES_MAX })) {
        // A run that goes on has more by now than its coordinator has signed.
        if (entry.seq > entries && !isWhole(publication)) return
        yield entry
      }
    },
    blobs: keepSome(blobsOf(place, seen)),
    holdsResults: false,
    digestOf: place.digestOf,
    async figures(bytesMax) {
      const file = publication.files.find(({ path }) => path === FIGURES_FILE)
      if (file === undefined) return null
      // What is wrong with it is told here, and once.
      seen.add(FIGURES_FILE)
      const bytes = await readWhole(place, FIGURES_FILE, bytesMax)
      const fault = faultOf(file, await place.digestOf(bytes))
      if (fault !== null) throw new StorageError('damaged', fault)
      return bytes
    },
    async checkClaim(trusted) {
      if (await isSigned(publication, trusted)) return null
      const reason = `its signature is not that of coordinator ${trusted}`
      return { record: INDEX_FILE, reason }
    },
    checkHead(head) {
      if (head.seq === entries && head.chain === publication.head) return null
      const ends = `the journal ends with entry ${head.seq}, ${head.chain}`
      const must = `it must end with entry ${entries}, ${publication.head}`
      return { record: JOURNAL_FILE, reason: `${ends}: ${must}` }
    },
    async checkRest(config, hear) {
      const { local } = place
      if (local === null) gaps.push(...unfetched(publication, seen))
      else await checkFiles(local, publication, { seen, gaps, hear })
      if (!heldOutBlobs(config).every(({ digest }) => isThere(publication, digest))) {
        gaps.push('the held-out text: it was not published')
      }
    },
    gaps,
  }
}

/** A folder that is complete names its journal; a coordinator that goes on does not. */
const isWhole = ({ files }: Publication): boolean => files.some(({ path }) => path === JOURNAL_FILE)

function blobsOf(place: Place, seen: Set<string>): BlobReader {
  const { local } = place
  const otherBytes = (path: string) =>
    new LostBytesError(
      'damaged',
      `Cannot use ${path}: its bytes are not those that it is named for`,
    )
  return {
    ...(local !== null && {
      async file(digest) {
        const path = pathOfBlob(digest)
        seen.add(path)
        if ((await local.digestOf(path)) !== digest) throw otherBytes(path)
        return local.pathOf(path)
      },
    }),
    async read(digest, bytesMax) {
      const path = pathOfBlob(digest)
      // What is wrong with it is told by whoever needs it, once.
      seen.add(path)
      const bytes = await readWhole(place, path, bytesMax)
      if ((await place.digestOf(bytes)) !== digest) throw otherBytes(path)
      return bytes
    },
  }
}

const pathOfBlob = (digest: Digest): string => `${BLOBS_FOLDER}/${blobPath(digest)}`

const isThere = ({ files }: Publication, digest: Digest): boolean =>
  files.some(({ path }) => path === pathOfBlob(digest))

function unfetched({ files }: Publication, seen: ReadonlySet<string>): string[] {
  const left = files.filter(({ path }) => !seen.has(path) && path !== JOURNAL_FILE)
  if (left.length === 0) return []
  const bytes = left.reduce((sum, file) => sum + file.bytes, 0)
  const size = `${(bytes / 1e6).toFixed(1)} MB`
  return [`${left.length} files of ${size} that were not fetched, as nothing here needed them`]
}

interface Rest {
  seen: ReadonlySet<string>
  gaps: string[]
  hear(mismatch: Mismatch): void
}

/** What is wrong with a file that the table names; null: nothing. */
function faultOf({ sha256 }: PublishedFile, found: Digest): string | null {
  return found === sha256 ? null : `its SHA-256 is ${found}: not ${sha256}`
}

/** Every file that the table names is there, and is what the table says. */
async function checkFiles(
  local: LocalFiles,
  { files }: Publication,
  { seen, gaps, hear }: Rest,
): Promise<void> {
  const names = new Set(await local.list())
  for (const file of files) {
    const { path } = file
    if (seen.has(path)) continue
    if (!names.has(path)) {
      hear({ record: path, reason: 'it is not there' })
      continue
    }
    try {
      const fault = faultOf(file, await local.digestOf(path))
      if (fault !== null) hear({ record: path, reason: fault })
    } catch (error) {
      hear({ record: path, reason: reasonOf(error) })
    }
  }
  const known = new Set(files.map(({ path }) => path).concat(INDEX_FILE))
  const others = [...names].filter((name) => !known.has(name))
  if (others.length > 0) gaps.push(`files that are no part of what was published: ${others}`)
}
