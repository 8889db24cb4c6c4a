/**
 * `barnraise credit WHERE`: who did how much, counted again from the signed manifests. Exit code 3
 * where they do not fit. Whoever holds the coordinator's key signs a receipt for a volunteer.
 */
import { writeFile } from 'node:fs/promises'
import { ConfigError, type PeerId } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { readIdentity } from '../network/identity-file.ts'
import { creditIn, type NamedCredit, type RunCredit } from '../run/credit.ts'
import { folderEvidence } from '../run/folder-evidence.ts'
import { type Mismatch, mismatchText } from '../run/mismatch.ts'
import { type Place, readWhole } from '../run/place.ts'
import { publishedEvidence } from '../run/published-evidence.ts'
import { RECEIPT_BYTES_MAX, signReceipt, writeReceipt } from '../run/receipt.ts'
import { receiptPath } from '../run/receipt-path.ts'
import { LostBytesError } from '../storage/errors.ts'
import { systemReason } from '../system-reason.ts'
import { othersCommand, quoted } from './command.ts'
import { type EvidenceAt, evidenceAt } from './evidence-at.ts'
import { CommandFailure } from './failure.ts'
import { ENDING_MIN, namedPeer } from './named-peer.ts'
import { printColumns, printJson, printLine } from './output.ts'
import { qrText } from './qr.ts'
import { visible } from './terminal.ts'
import { checkReceipt } from './verify-receipt.ts'

export interface CreditCommandOptions {
  run?: string
  coordinator?: string
  peer?: string
  /** Where the receipt of `peer` is to be written. */
  receipt?: string
  json?: boolean
}

export async function credit(where: string, options: CreditCommandOptions): Promise<void> {
  const { peer, receipt, json } = options
  if (receipt !== undefined && peer === undefined) {
    throw new ConfigError("Cannot write a receipt as it is for one volunteer: say '--peer', too")
  }
  const at = evidenceAt(where)
  const { counted, shown, line } = await found(at, options).finally(at.close)
  if (receipt !== undefined) await writeNew(receipt, `${line}\n`)
  if (json) return printJson({ ...shown, receipt: line })
  printCredit(shown)
  if (line === null || receipt === undefined) return
  printLine(`\n${qrText(line)}\n\nThe receipt is in ${receipt}. Whoever has it checks it:\n`)
  const trusted = `--run ${counted.runId} --coordinator ${counted.coordinator}`
  printLine(`  ${othersCommand(`verify ${quoted(receipt)} ${trusted}`)}`)
}

/** All that is counted, what is shown of it, and the receipt, where one is wanted. */
async function found(at: EvidenceAt, options: CreditCommandOptions) {
  const { peer, receipt } = options
  const counted = await countedIn(at, options)
  const shown = peer === undefined ? counted : creditOfOne(counted, peer)
  const line = receipt === undefined ? null : await receiptLine(at, shown, shown.volunteers[0]!)
  return { counted, shown, line }
}

async function countedIn(
  { from, trusted: told }: EvidenceAt,
  { run, coordinator }: CreditCommandOptions,
): Promise<RunCredit> {
  const evidence =
    from.type === 'folder' ? await folderEvidence(from.folder) : await publishedEvidence(from.place)
  if ('reason' in evidence) throw misfit(evidence)
  const trusted = { run: run ?? told.run, coordinator: coordinator ?? told.coordinator }
  const found = await creditIn(evidence, trusted)
  if ('mismatch' in found) throw misfit(found.mismatch)
  return found.credit
}

const misfit = (mismatch: Mismatch): CommandFailure =>
  new CommandFailure(
    EXIT.verificationFailed,
    `Cannot count what was done as the run does not fit:\n  ${mismatchText(mismatch)}`,
  )

/** What is counted of one volunteer, which may be nothing, and what is taken back of it. */
function creditOfOne({ volunteers, takenBack, ...of }: RunCredit, who: string): RunCredit {
  const known = [...takenBack, ...volunteers]
  const names = new Map(known.map(({ peer, name }) => [peer, name]))
  const peer = namedPeer(who, { names, they: 'whose work was merged' })
  const name = names.get(peer)
  if (name === undefined) {
    throw new ConfigError(`Cannot show the credit of ${peer} as none of its work was merged`)
  }
  const isOne = (credit: NamedCredit) => credit.peer === peer
  const nothing = { peer, name, tokens: 0, batches: 0, contributions: 0 }
  const [one = nothing] = volunteers.filter(isOne)
  return { ...of, volunteers: [one], takenBack: takenBack.filter(isOne) }
}

/** Signed here by whoever has the key, or by the coordinator itself, where a link leads to it. */
async function receiptLine(
  { from }: EvidenceAt,
  counted: RunCredit,
  volunteer: NamedCredit,
): Promise<string> {
  const { runName, runId, coordinator, rounds, manifest } = counted
  const { peer, name, tokens, batches, contributions } = volunteer
  if (contributions === 0) {
    throw new ConfigError(`Cannot write a receipt for '${name}' as nothing counts that it did`)
  }
  if (from.type === 'place') return receiptAt(from.place, counted, volunteer)
  const identity = await readIdentity(from.folder.identity)
  if (identity?.peerId !== coordinator || manifest === null) throw unsigned(coordinator)
  const done = { peer, name, tokens, batches, contributions }
  const of = { runName, runId, coordinator, rounds, manifest }
  return writeReceipt(await signReceipt({ ...of, ...done }, identity.sign))
}

const unsigned = (coordinator: PeerId): ConfigError =>
  new ConfigError(
    `Cannot write a receipt as only coordinator ${coordinator} can sign it: ask who hosts the ` +
      'run for it, give the link while the run is hosted, or the folder that has its identity.key',
  )

async function receiptAt(
  place: Place,
  { runId, coordinator }: RunCredit,
  { peer }: NamedCredit,
): Promise<string> {
  const record = receiptPath(peer)
  const text = await readWhole(place, record, RECEIPT_BYTES_MAX).catch((error) => {
    throw error instanceof LostBytesError ? unsigned(coordinator) : error
  })
  const { receipt, fault } = await checkReceipt(textOf(text), { run: runId, coordinator })
  if (fault !== null) throw misfit({ record, reason: fault })
  if (receipt?.peer === peer) return writeReceipt(receipt)
  throw misfit({ record, reason: `it is that of ${receipt?.peer}: not of ${peer}` })
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** What is there is not written over. */
async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch((error) => {
    const reason = systemReason(error) ?? (error as Error).message
    throw new ConfigError(`Cannot write the receipt to '${file}' as ${reason}`)
  })
}

function printCredit({ rounds, volunteers, takenBack }: RunCredit): void {
  if (rounds === 0) return printLine('Nothing counts yet: no round has been merged.')
  if (volunteers.length === 0) printLine('Nothing counts.')
  else printColumns([COLUMNS, ...volunteers.map(rowOf)])
  if (takenBack.length > 0) {
    printLine('\nTaken back, so that it counts no more:\n')
    printColumns([COLUMNS, ...takenBack.map(rowOf)])
  }
  printLine(`\ncounted from ${rounds} signed manifests`)
}

const COLUMNS = ['volunteer', 'tokens', 'batches', 'contributions']

const rowOf = ({ name, peer, tokens, batches, contributions }: NamedCredit): string[] => [
  visible(`${name} (${peer.slice(-ENDING_MIN)})`),
  ...[tokens, batches, contributions].map(String),
]
