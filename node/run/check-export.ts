/**
 * A PEFT folder, held against the run that it is said to come from: its scalars are an adapter of
 * the run, and with the run's own files at hand every other file is what an export writes.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CoordinatorState } from '../../coordinator/index.ts'
import { TARGETS } from '../../kernels/index.ts'
import { type Digest, digestOf, encode, type RunConfig } from '../../protocol/index.ts'
import { bytesOf } from '../compute/floats.ts'
import { writeExport } from '../export/write-export.ts'
import { readPeftAdapter } from '../model/peft.ts'
import { blobPath } from '../storage/blob-path.ts'
import { readBlob } from '../storage/read-blobs.ts'
import { takeawayOf } from './export-run.ts'
import { manifestsUntil } from './manifests.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import type { RunRecord } from './read-record.ts'
import { type RunFolder, readCoordinator } from './run-folder.ts'

export interface CheckedExport {
  folder: string
  /** The round whose adapter it is; null: of none. */
  round: number | null
  mismatches: Mismatch[]
  notChecked: string[]
}

/**
 * @param source the run's folder, of which the other files can be made again; null: it is not here
 */
export async function checkExport(
  folder: string,
  record: RunRecord,
  source: RunFolder | null,
): Promise<CheckedExport> {
  const checked: CheckedExport = { folder, round: null, mismatches: [], notChecked: [] }
  const { config } = record.state
  try {
    const { values, adapterShape } = await readPeftAdapter(
      folder,
      config.base.shape,
      config.base.weights.digest,
    )
    const round = adaptersOf(record.state).indexOf(digestOf(bytesOf(values)))
    const fault = faultOf(round, adapterShape, config)
    if (fault !== null) checked.mismatches.push({ record: folder, reason: fault })
    if (round < 1) return checked
    checked.round = round
    if (source === null) checked.notChecked.push(...unseen(folder, config))
    else checked.mismatches.push(...(await otherFiles(folder, round, record, source)))
  } catch (error) {
    checked.mismatches.push({ record: folder, reason: reasonOf(error) })
  }
  return checked
}

/** Magnitudes follow from what was learned and the base, which nobody has without the run. */
function unseen(folder: string, { adapter }: RunConfig): string[] {
  const others = `files of ${folder} beside its weights and rank`
  return adapter.variant === 'dora' ? [others, `magnitudes of ${folder}`] : [others]
}

/**
 * The adapters after each round that leads to what the run has come to; that of 0 is what it began
 * with. What the gate refused is not among them, nor what the run went back behind.
 */
export function adaptersOf({ history, round }: CoordinatorState): Digest[] {
  return history.map(({ start }) => start.base).concat(round.start.base)
}

function faultOf(round: number, shape: unknown, { adapter }: RunConfig): string | null {
  if (round < 0) return 'it is the adapter of none of the rounds that the run has come to'
  if (round === 0) return 'it is what the run began with: nothing was learned'
  const { start: _, targets, ...own } = adapter
  // A file names its targets in canonical order, whatever the run's is.
  const inOrder = TARGETS.filter((target) => targets.includes(target))
  const isShaped = digestOf(encode(shape)) === digestOf(encode({ ...own, targets: inOrder }))
  return isShaped ? null : "its rank, alpha or targets are not the run's"
}

/** Files that are not what an export of the same round writes now. */
async function otherFiles(
  folder: string,
  round: number,
  { state, names }: RunRecord,
  source: RunFolder,
): Promise<Mismatch[]> {
  const again = await mkdtemp(join(tmpdir(), 'barnraise-export-'))
  const { config, runId } = state
  const blobs = {
    read: (digest: Digest) => readBlob(source.blobs, digest),
    path: (digest: Digest) => join(source.blobs, blobPath(digest)),
  }
  try {
    const coordinator = await readCoordinator(source)
    const run = { folder: source, config, runId, state, names, blobs, coordinator }
    const takeaway = await takeawayOf(run, await manifestsUntil(run, round), source.base)
    await writeExport({ format: 'peft', folder: again, dtype: null }, takeaway)
    return await differences(folder, again)
  } finally {
    await rm(again, { recursive: true, force: true })
  }
}

async function differences(folder: string, again: string): Promise<Mismatch[]> {
  const found: Mismatch[] = []
  const expected = await readdir(again)
  for (const name of new Set([...expected, ...(await readdir(folder))])) {
    const record = join(folder, name)
    if (!expected.includes(name)) {
      found.push({ record, reason: 'it is no part of an export' })
      continue
    }
    const [is, must] = await Promise.all([
      readFile(record).catch(() => null),
      readFile(join(again, name)),
    ])
    if (is?.equals(must)) continue
    const reason = is === null ? 'it cannot be read' : 'it is not what an export of it writes'
    found.push({ record, reason })
  }
  return found
}
