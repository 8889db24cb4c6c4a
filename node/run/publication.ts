/**
 * The table of contents of a published run, publication.json: which run, who coordinated it, where
 * its journal ends, and every file with its size and digest; all of it signed by the coordinator.
 * docs/verify.md describes it for others.
 */
import {
  bytesToHex,
  digest,
  type Infer,
  integer,
  list,
  NAME_LENGTH_MAX,
  oneOf,
  PEER_ID_LENGTH_MAX,
  type PeerId,
  PROTOCOL_VERSION,
  ProtocolError,
  parse,
  SIGNATURE_BYTES,
  signingBytes,
  struct,
  text,
  utf8ToBytes,
} from '../../protocol/index.ts'
import { verifyHexSignature } from '../network/identity.ts'

export const INDEX_FILE = 'publication.json'
export const CONFIG_FILE = 'run-config.bin'
export const JOURNAL_FILE = 'journal.bin'
/** What the page shows. */
export const FIGURES_FILE = 'run.json'
export const BLOBS_FOLDER = 'blobs'
/** A table of this size names a quarter of a million files. */
export const INDEX_BYTES_MAX = 64 * 2 ** 20

const FORMAT = 'barnraise publication 1'
const FILES_MAX = 1_000_000
const PATH_LENGTH_MAX = 256
/** Names in folders below, and no way out of them. */
const PATH_PATTERN = /^(?:\w[\w.-]*\/)*\w[\w.-]*$/

const file = struct({
  path: text(PATH_LENGTH_MAX),
  bytes: integer(0, Number.MAX_SAFE_INTEGER),
  sha256: digest,
})
export type PublishedFile = Infer<typeof file>

const contents = {
  format: oneOf(FORMAT),
  protocol: integer(0, Number.MAX_SAFE_INTEGER),
  name: text(NAME_LENGTH_MAX),
  runId: digest,
  coordinator: text(PEER_ID_LENGTH_MAX),
  entries: integer(0, Number.MAX_SAFE_INTEGER),
  head: digest,
  files: list(file, 0, FILES_MAX),
}
const contentsSchema = struct(contents)
export type Contents = Infer<typeof contentsSchema>
const publicationSchema = struct({ ...contents, signature: text(2 * SIGNATURE_BYTES) })
export type Publication = Infer<typeof publicationSchema>

export type NewContents = Omit<Contents, 'format' | 'protocol'>

export async function signPublication(
  given: NewContents,
  sign: (bytes: Uint8Array) => Promise<Uint8Array>,
): Promise<Publication> {
  const { name, runId, coordinator, entries, head, files } = given
  const signed: Contents = {
    format: FORMAT,
    protocol: PROTOCOL_VERSION,
    name,
    runId,
    coordinator,
    entries,
    head,
    files,
  }
  const signature = bytesToHex(await sign(signingBytes('publication', signed)))
  return Object.assign(signed, { signature })
}

export function encodePublication(publication: Publication): Uint8Array {
  return utf8ToBytes(`${JSON.stringify(publication, null, 1)}\n`)
}

/** @throws ProtocolError that says why these bytes are no table of contents */
export function decodePublication(bytes: Uint8Array): Publication {
  const publication = parse(publicationSchema, jsonOf(bytes), 'publication')
  for (const { path } of publication.files) {
    if (!isPublishedPath(path)) throw malformed(`it names a file ${JSON.stringify(path)}`)
  }
  // What the signature covers must be all that there is.
  const again = encodePublication(publication)
  if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) {
    throw malformed('it is not in the form in which it is written')
  }
  return publication
}

export const isPublishedPath = (path: string): boolean =>
  path.length <= PATH_LENGTH_MAX && PATH_PATTERN.test(path)

export async function isSigned(
  { signature, ...signed }: Publication,
  coordinator: PeerId,
): Promise<boolean> {
  return verifyHexSignature(coordinator, signingBytes('publication', signed), signature)
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    // The platform's own message quotes the file, control characters too.
    throw malformed('it is not JSON in UTF-8')
  }
}

const malformed = (reason: string): ProtocolError =>
  new ProtocolError('malformed', `Cannot read the table of contents: ${reason}`)
