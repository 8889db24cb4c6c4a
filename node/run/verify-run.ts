/** A run verified in Node, wherever it lies, with what was exported of it. */
import { existsSync } from 'node:fs'
import { startCompute } from '../compute/start-compute.ts'
import { type CheckedExport, checkExport } from './check-export.ts'
import type { Evidence } from './evidence.ts'
import { folderEvidence } from './folder-evidence.ts'
import type { Mismatch } from './mismatch.ts'
import { type Place, untilAborted } from './place.ts'
import { publishedEvidence } from './published-evidence.ts'
import type { RunFolder } from './run-folder.ts'
import {
  nothingToVerify,
  notTheRun,
  type Verification,
  type VerifyOptions,
  verify,
} from './verify.ts'

export interface RunVerification extends Verification {
  /** The export that was held against the run; null: there is none. */
  exported: CheckedExport | null
}

export type VerifyRunOptions = Omit<VerifyOptions, 'compute'> & {
  /** A PEFT folder to hold against the run; null: that of the run's folder, where there is one. */
  exported: string | null
  /** Ends it, also in the middle of a round that is merged or a step that is trained again. */
  signal?: AbortSignal | undefined
}

const DEFAULTS: VerifyRunOptions = {
  trusted: { run: null, coordinator: null },
  replay: null,
  limits: { threads: 1, memoryBytesMax: 4 * 2 ** 30 },
  exported: null,
  figuresOf: null,
  hear: () => {},
}

/**
 * A run's own folder, or a copy of it. Nothing is written there.
 * @throws ConfigError when the folder holds no run, or nothing says who coordinated it
 */
export async function verifyRun(
  folder: RunFolder,
  options: Partial<VerifyRunOptions> = {},
): Promise<RunVerification> {
  const own = existsSync(folder.adapter) ? folder.adapter : null
  const exported = options.exported ?? own
  options.signal?.throwIfAborted()
  const evidence = await folderEvidence(folder, options.signal)
  return verified(evidence, folder, { ...DEFAULTS, ...options, exported })
}

/**
 * A published run.
 * @throws NetworkError when its server does not answer
 */
export async function verifyPublished(
  place: Place,
  options: Partial<VerifyRunOptions> = {},
): Promise<RunVerification> {
  const { signal } = options
  const read = signal === undefined ? place : untilAborted(place, signal)
  return verified(await publishedEvidence(read), null, { ...DEFAULTS, ...options })
}

/** @param source the run's folder, of which the files of an export can be made again */
async function verified(
  evidence: Evidence | Mismatch,
  source: RunFolder | null,
  { exported, signal, ...how }: VerifyRunOptions,
): Promise<RunVerification> {
  // What was cut off looks like what does not fit.
  signal?.throwIfAborted()
  if ('reason' in evidence) return { ...notTheRun(evidence).verification, exported: null }
  const compute = startCompute()
  const stop = () => void compute.close()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const { verification, record } = await verify(evidence, { ...how, compute })
    signal?.throwIfAborted()
    if (record === null || exported === null) return { ...verification, exported: null }
    if (!verification.ok) {
      const why = nothingToVerify(verification) ?? 'the run does not fit'
      const notChecked = [...verification.notChecked, `${exported}, as ${why}`]
      return { ...verification, notChecked, exported: null }
    }
    const checked = await checkExport(exported, record, source)
    const { mismatches } = checked
    const notChecked = [...verification.notChecked, ...checked.notChecked]
    return {
      ...verification,
      ok: mismatches.length === 0,
      mismatches,
      notChecked,
      exported: checked,
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    await compute.close()
  }
}
