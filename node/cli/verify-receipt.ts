/** `barnraise verify RECEIPT`: whether the coordinator has signed it, every character of it. */

import { open, stat } from 'node:fs/promises'
import { counted } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { reasonOf } from '../run/mismatch.ts'
import {
  isReceiptOf,
  looksLikeReceipt,
  RECEIPT_BYTES_MAX,
  type Receipt,
  readReceipt,
} from '../run/receipt.ts'
import type { Trusted } from '../run/verify.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printTable } from './output.ts'
import { visible } from './terminal.ts'

/** The text of the file that is to be checked; null: it is something else than a receipt. */
export async function receiptIn(where: string): Promise<string | null> {
  const found = await stat(where).catch(() => null)
  if (found === null || !found.isFile()) return null
  const file = await open(where)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: new Uint8Array(RECEIPT_BYTES_MAX) })
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(buffer.subarray(0, bytesRead))
    return looksLikeReceipt(text) ? text : null
  } finally {
    await file.close()
  }
}

/** @throws CommandFailure, with exit code 3, where it is not what was signed */
export async function verifyReceipt(text: string, trusted: Trusted, json: boolean): Promise<void> {
  const { receipt, fault } = await checkReceipt(text, trusted)
  if (json) printJson({ ok: fault === null, given: trusted, claimed: receipt, fault })
  if (fault !== null) {
    throw new CommandFailure(EXIT.verificationFailed, `the receipt does not verify: ${fault}`)
  }
  if (!json && receipt !== null) printReceipt(receipt, trusted)
}

/** What the receipt says, and what is wrong with it; null: nothing. */
export async function checkReceipt(
  text: string,
  { run, coordinator }: Trusted,
): Promise<{ receipt: Receipt | null; fault: string | null }> {
  let receipt: Receipt
  try {
    receipt = readReceipt(text.endsWith('\n') ? text.slice(0, -1) : text)
  } catch (error) {
    return { receipt: null, fault: reasonOf(error) }
  }
  return { receipt, fault: await faultOf(receipt, { run, coordinator }) }
}

/** Names the field that does not fit. */
async function faultOf(receipt: Receipt, { run, coordinator }: Trusted): Promise<string | null> {
  if (run !== null && !receipt.runId.startsWith(run)) {
    return `its 'runId' must be ${run}: current value is ${receipt.runId}`
  }
  const { coordinator: signer } = receipt
  if (coordinator !== null && coordinator !== signer) {
    return `its 'coordinator' must be ${coordinator}: current value is ${signer}`
  }
  if (await isReceiptOf(receipt, signer)) return null
  return (
    `its 'signature' is not that of coordinator ${signer} for what the other fields say: one of ` +
    'them, or it, is not what was signed'
  )
}

/** What stands beside an id that the user gave no other word for. */
export const CLAIM = '  (as it says itself: ask the organiser, or see the link you were sent)'

function printReceipt(receipt: Receipt, trusted: Trusted): void {
  const { runName, runId, coordinator, name, peer, tokens, batches, contributions } = receipt
  const done = `${counted(batches, 'batch')}, ${counted(contributions, 'contribution')}`
  printTable([
    ['run', visible(runName)],
    ['RunId', `${runId}${trusted.run === null ? CLAIM : ''}`],
    ['coordinator', `${coordinator}${trusted.coordinator === null ? CLAIM : ''}`],
    ['volunteer', visible(`${name}, ${peer}`)],
    ['counted', `${counted(tokens, 'token')} in ${done}`],
    ['until', `round ${receipt.rounds}, manifest ${receipt.manifest}`],
    ['signed', 'yes, every character'],
  ])
}
