/**
 * The door for programs: what the commands `host`, `join`, `verify` and `export` do, as functions.
 * Nothing is read from the environment or printed; an AbortSignal ends what goes on. Errors are
 * `ConfigError` for what the caller can mend, `NetworkError` and `StorageError` for the world.
 * README.md has an example.
 */
import { join as joinPath } from 'node:path'
import type { PeerId, RunId } from '../protocol/index.ts'
import { evidenceAt } from './cli/evidence-at.ts'
import type { JobLimits } from './compute/job.ts'
import type { StepProgress } from './compute/task.ts'
import type { DtypeName, ExportFormat } from './export/formats.ts'
import type { Progress } from './history/progress.ts'
import { createRunFigures } from './history/run-figures.ts'
import type { Hub } from './hub/locate.ts'
import type { Log } from './log.ts'
import { announcedAddress } from './network/link.ts'
import { findInvite } from './network/page-link.ts'
import { type CoordinatorRole, startCoordinator } from './roles/coordinator.ts'
import { farewell } from './roles/farewell.ts'
import { startVolunteer } from './roles/local-volunteer.ts'
import type { VolunteerOutcome } from './roles/volunteer.ts'
import { openVolunteerHome } from './roles/volunteer-home.ts'
import { type Exported, exportRun as exportFolder } from './run/export-run.ts'
import { isRunFolder, runFolder } from './run/run-folder.ts'
import type { Replay, VerifyProgress } from './run/verify.ts'
import { type RunVerification, verifyPublished, verifyRun } from './run/verify-run.ts'
import { hostedMirrors } from './setup/hosted-mirrors.ts'
import { runFolderOf } from './setup/run-folder-of.ts'
import { SOFTWARE } from './software.ts'

export { ConfigError } from '../protocol/index.ts'
export { hubSettings } from './hub/settings.ts'
export { createLog } from './log.ts'
export { NetworkError } from './network/errors.ts'
export { StorageError } from './storage/errors.ts'
export type {
  DtypeName,
  Exported,
  ExportFormat,
  Hub,
  JobLimits,
  Log,
  Progress,
  Replay,
  RunVerification,
  StepProgress,
  VerifyProgress,
  VolunteerOutcome,
}

const LIMITS: JobLimits = { threads: 1, memoryBytesMax: 4 * 2 ** 30 }
const ignore = (): void => {}
const SILENT: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore }

export interface HostOptions {
  /** The run's folder; null: where run.yaml says. */
  out?: string | null
  /** Multiaddrs; those of WebSockets are for browsers, and `link` names them all. */
  listen?: readonly string[]
  /** Addresses that others reach them by, where they are other ones. */
  announce?: readonly string[]
  /** What merging and evaluating may take. */
  limits?: JobLimits
  /** Where bases and texts are downloaded from by name; null: they are on this machine. */
  hub?: Hub | null
  log?: Log
  onProgress?(fact: Progress): void
  /** Stops hosting; the same call goes on with the run. */
  signal?: AbortSignal
}

export interface HostedRun {
  runId: RunId
  coordinator: PeerId
  /** What volunteers join by, unless the run takes invites alone. */
  link: string
  /** The run's folder. */
  folder: string
  /** Why it is hosted no longer; rejects when the run cannot go on. */
  ended: Promise<'finished' | 'stopped'>
}

/**
 * Prepares a run or goes on with it, and coordinates it until it is finished.
 * @param what a run.yaml, or the folder of a run
 */
export async function host(what: string, options: HostOptions = {}): Promise<HostedRun> {
  const { out = null, hub = null, log = SILENT, signal } = options
  signal?.throwIfAborted()
  const folder = isRunFolder(what)
    ? runFolder(what)
    : (await runFolderOf(what, { out, hub, say: log.info })).folder
  const role = await startCoordinator(folder, {
    listen: [...(options.listen ?? ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0'])],
    announce: (options.announce ?? []).map(announcedAddress),
    mirrors: await hostedMirrors(folder, log.warn),
    limits: options.limits ?? LIMITS,
    log,
    onProgress: options.onProgress ?? ignore,
  })
  const ended = endOf(role, signal)
  // Whoever never asks how it ended hears of no rejection.
  ended.catch(ignore)
  const { runId, coordinator, link } = role
  return { runId, coordinator, link, folder: folder.root, ended }
}

async function endOf(
  role: CoordinatorRole,
  signal: AbortSignal | undefined,
): Promise<'finished' | 'stopped'> {
  try {
    return await Promise.race([role.finished.then(() => 'finished' as const), aborted(signal)])
  } finally {
    await farewell(role.dashboard.run)
    await role.stop()
  }
}

export interface JoinOptions {
  /** Where its key, weights and data are kept. */
  folder: string
  /** What it is called; null: something that says nothing of this machine. */
  name?: string | null
  limits?: JobLimits
  log?: Log
  onStep?(progress: StepProgress): void
  /** Hands in the steps that are done, and leaves. */
  signal?: AbortSignal
}

/**
 * Trains for a run until it ends, or this volunteer does.
 * @param link as the organiser sends it
 */
export async function join(link: string, options: JoinOptions): Promise<VolunteerOutcome> {
  const { folder, name = null, limits = LIMITS, log = SILENT, signal } = options
  signal?.throwIfAborted()
  const invite = await findInvite(link)
  const home = await openVolunteerHome(joinPath(folder, 'volunteer'))
  try {
    const role = await startVolunteer(invite, {
      name,
      software: SOFTWARE,
      home: home.folder,
      blobs: joinPath(folder, 'blobs'),
      identity: null,
      limits,
      dataBytesMax: null,
      hubCache: null,
      mirrors: [],
      followsMirrors: true,
      lan: null,
      onShared: ignore,
      paused: null,
      log,
      onStep: options.onStep ?? ignore,
      onTransfer: ignore,
    })
    aborted(signal).then(() => role.leave('its program stops'), ignore)
    return await role.exited.finally(role.stop)
  } finally {
    home.release()
  }
}

export interface VerifyOptions {
  /** What is trusted, as the organiser told it; null: what the run says of itself. */
  run?: RunId | null
  coordinator?: PeerId | null
  /** Which steps are trained again; null: none. */
  replay?: Replay | null
  limits?: JobLimits
  onProgress?(progress: VerifyProgress): void
  /** Ends it: it rejects with the signal's reason, and has found nothing. */
  signal?: AbortSignal
}

/**
 * Derives a run's adapter again from its journal and deltas. Where all fits and nothing is signed
 * yet, `ok` is false and there are no `mismatches`.
 * @param where the run's folder, what was published of it (folder or address), or its page's link
 */
export function verify(where: string, options: VerifyOptions = {}): Promise<RunVerification> {
  const { from, trusted, close } = evidenceAt(where)
  const { run = null, coordinator = null, replay = null, limits = LIMITS, signal } = options
  const how = {
    signal,
    trusted: { run: run ?? trusted.run, coordinator: coordinator ?? trusted.coordinator },
    replay,
    limits,
    figuresOf: createRunFigures,
    hear: options.onProgress ?? ignore,
  }
  const verifying =
    from.type === 'folder' ? verifyRun(from.folder, how) : verifyPublished(from.place, how)
  return verifying.finally(close)
}

export interface ExportOptions {
  format: ExportFormat
  /** The adapter after this many rounds; null: the best. */
  round?: number | null
  /** Null: a folder of the run that is named after the format. */
  out?: string | null
  /** The type of merged weights; null: that of the base. */
  dtype?: DtypeName | null
  /** Ends it: it rejects with the signal's reason, and no file of weights is there in part. */
  signal?: AbortSignal
}

/**
 * Writes a round's adapter for other programs.
 * @param folder the run's
 */
export function exportRun(folder: string, options: ExportOptions): Promise<Exported> {
  const { format, round = null, out = null, dtype = null, signal } = options
  return exportFolder(runFolder(folder), { format, round, out, dtype, signal })
}

/** Never, without a signal. */
function aborted(signal: AbortSignal | undefined): Promise<'stopped'> {
  const { promise, resolve } = Promise.withResolvers<'stopped'>()
  if (signal?.aborted) resolve('stopped')
  signal?.addEventListener('abort', () => resolve('stopped'), { once: true })
  return promise
}
