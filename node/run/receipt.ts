/**
 * What a volunteer keeps of a run: a line in which the coordinator says, signed, what it counted.
 * It is JSON of one form, in ASCII alone, so that a file and a QR code hold the same characters.
 * It names the newest manifest, and each manifest names the one before, so that all of them are
 * meant. Whoever has the run can count again (credit.ts).
 */
import {
  bytesToHex,
  digest,
  type Infer,
  integer,
  NAME_LENGTH_MAX,
  oneOf,
  PEER_ID_LENGTH_MAX,
  type PeerId,
  PROTOCOL_VERSION,
  parse,
  ROUNDS_MAX,
  SIGNATURE_BYTES,
  signingBytes,
  struct,
  text,
} from '../../protocol/index.ts'
import { verifyHexSignature } from '../network/identity.ts'

const FORMAT = 'barnraise receipt 1'
/** Every field at its longest, each character of a name written as an escape. */
export const RECEIPT_BYTES_MAX = 4096

const count = integer(0, Number.MAX_SAFE_INTEGER)
const statement = {
  format: oneOf(FORMAT),
  protocol: count,
  runName: text(NAME_LENGTH_MAX),
  runId: digest,
  coordinator: text(PEER_ID_LENGTH_MAX),
  peer: text(PEER_ID_LENGTH_MAX),
  /** What the volunteer called itself. */
  name: text(NAME_LENGTH_MAX),
  tokens: count,
  batches: count,
  contributions: count,
  rounds: integer(1, ROUNDS_MAX),
  /** The newest manifest. */
  manifest: digest,
}
const statementSchema = struct(statement)
type Statement = Infer<typeof statementSchema>
const receiptSchema = struct({ ...statement, signature: text(2 * SIGNATURE_BYTES) })
export type Receipt = Infer<typeof receiptSchema>

/** What the coordinator stands to. */
export type Stated = Omit<Statement, 'format' | 'protocol'>

export async function signReceipt(
  given: Stated,
  sign: (bytes: Uint8Array) => Promise<Uint8Array>,
): Promise<Receipt> {
  const signed: Statement = { format: FORMAT, protocol: PROTOCOL_VERSION, ...given }
  const signature = bytesToHex(await sign(signingBytes('receipt', signed)))
  return { ...signed, signature }
}

/** One line, without its end. */
export function writeReceipt(receipt: Receipt): string {
  const ordered = Object.keys(statement).concat('signature')
  return JSON.stringify(receipt, ordered).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export const looksLikeReceipt = (line: string): boolean => line.startsWith(`{"format":"${FORMAT}"`)

/** @throws Error that says why the line is no receipt, naming the field */
export function readReceipt(line: string): Receipt {
  const receipt = parse(receiptSchema, jsonOf(line), 'receipt')
  // What the signature covers must be all that there is.
  const written = writeReceipt(receipt)
  if (written !== line)
    throw new Error(`it must be written as a receipt is: ${differenceOf(written, line)}`)
  return receipt
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The platform's own message quotes the file, control characters too.
    throw new Error('it is not JSON')
  }
}

/** Where the line is first other than what would be written. */
function differenceOf(written: string, line: string): string {
  let at = 0
  while (written[at] === line[at]) at++
  const [, field] = /.*"(\w+)":/.exec(written.slice(0, at)) ?? []
  return `it differs from character ${at + 1} on${field === undefined ? '' : `, in '${field}'`}`
}

/** Whether `coordinator` has signed it. */
export async function isReceiptOf(
  { signature, ...signed }: Receipt,
  coordinator: PeerId,
): Promise<boolean> {
  return verifyHexSignature(coordinator, signingBytes('receipt', signed), signature)
}
