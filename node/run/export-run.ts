/** What a run has made after a round, written for other programs. */

import { readdir, readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { ConfigError, type Digest, type RoundManifest, type RunId } from '../../protocol/index.ts'
import { floatsOf } from '../compute/floats.ts'
import { type DtypeName, EXPORT_FORMATS, type ExportFormat } from '../export/formats.ts'
import type { RoundingError, Takeaway } from '../export/takeaway.ts'
import { CARD_FILE, MARKS, writeExport } from '../export/write-export.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { manifestsUntil } from './manifests.ts'
import { openRun } from './open-run.ts'
import type { RunFolder } from './run-folder.ts'
import { type SummarisedRun, summaryOf } from './run-summary.ts'

export interface ExportOptions {
  format: ExportFormat
  /** The adapter after this many rounds; null: the best, as `bestRound` says. */
  round: number | null
  /** Null: a folder of the run that is named after the format. */
  out: string | null
  dtype?: DtypeName | null
  /** The address of what the run published, for the card. */
  proof?: string
  /** Ends it: a file of weights that is not whole is taken away again. */
  signal?: AbortSignal | undefined
}

export interface Exported {
  format: ExportFormat
  folder: string
  /** Its file of weights, and the digest of that file. */
  path: string
  sha256: Digest
  /** The types of the weights in it. */
  weights: string
  rounding?: RoundingError
  /** What was learned besides A and B; absent: nothing. */
  variant?: 'dora'
  /** The adapter is that after so many of the run's rounds. */
  round: number
  rounds: number
}

/** @throws ConfigError when the run has no adapter of that round yet. */
export async function exportRun(folder: RunFolder, options: ExportOptions): Promise<Exported> {
  const { format, round, out, dtype = null, proof, signal } = options
  signal?.throwIfAborted()
  const run = await openRun(folder)
  const chain = await manifestsUntil(run, round)
  if (chain.length === 0) {
    throw new ConfigError(
      `Cannot export an adapter as the run in '${folder.root}' has finished no round yet`,
    )
  }
  const target = out ?? exportFolder(folder, format)
  await checkTarget(target, format, folder, run.runId)
  signal?.throwIfAborted()
  const { path, digest, weights, rounding } = await writeExport(
    { format, folder: target, dtype, proof, signal },
    await takeawayOf(run, chain, folder.base),
  )
  const { variant } = run.config.adapter
  const rounds = run.state.round.start.round
  return {
    format,
    folder: target,
    path,
    sha256: digest,
    weights,
    ...(rounding === undefined ? {} : { rounding }),
    ...(variant === undefined ? {} : { variant }),
    round: chain.length,
    rounds,
  }
}

/** Where the run's own folder has it. */
export function exportFolder({ root, adapter }: RunFolder, format: ExportFormat): string {
  return format === 'peft' ? adapter : join(root, format)
}

/** @param chain the manifests up to the round that is taken home, oldest first; at least one */
export async function takeawayOf(
  run: SummarisedRun,
  chain: readonly RoundManifest[],
  baseFolder: string,
): Promise<Takeaway> {
  const { base, adapter } = run.config
  return {
    model: base.shape,
    adapter,
    values: floatsOf(await run.blobs.read(chain.at(-1)!.manifest.checkpoint.digest)),
    base: { folder: baseFolder, weights: run.blobs.path(base.weights.digest) },
    run: await summaryOf(run, chain),
  }
}

/** @throws ConfigError where an export would lie among, or on, what is not this run's */
async function checkTarget(
  target: string,
  format: ExportFormat,
  { root }: RunFolder,
  runId: RunId,
): Promise<void> {
  const found = (await readdir(target).catch(ignoreMissing)) ?? []
  const other = EXPORT_FORMATS.find((one) => one !== format && found.includes(MARKS[one]))
  if (other !== undefined) {
    throw new ConfigError(
      `Cannot export to '${target}' as it holds the format '${other}', and a program that reads ` +
        'one would find both: give each format a folder of its own',
    )
  }
  const isOwn = !relative(root, resolve(target)).startsWith('..')
  if (isOwn || found.length === 0) return
  // The card of an export names its run.
  const card = await readFile(join(target, CARD_FILE), 'utf8').catch(ignoreMissing)
  if (card?.includes(runId)) return
  throw new ConfigError(
    `Cannot export to '${target}' as it holds other things: give a new folder, or an empty one`,
  )
}
