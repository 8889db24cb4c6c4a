/** The coordinator's role in a process: a run folder, opened and hosted on the network. */
import type { RequestListener } from 'node:http'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { statusOf } from '../../coordinator/status.ts'
import { signingBytes } from '../../protocol/envelope.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import type { PeerId, Request, RunStatus } from '../../protocol/messages.ts'
import type { RunConfig, RunId } from '../../protocol/run-config.ts'
import { createClock } from '../clock.ts'
import { createReadModel, type ReadModel } from '../dashboard/read-model.ts'
import { decodeShard, type Sequences } from '../dataset/shards.ts'
import type { Log } from '../log.ts'
import { serveBlobs } from '../network/blobs.ts'
import { disconnect } from '../network/connection-guard.ts'
import { createHost, type Host } from '../network/host.ts'
import { type Identity, verifySignature } from '../network/identity.ts'
import { loadIdentity } from '../network/identity-file.ts'
import { formatLink, pageAddress } from '../network/link.ts'
import { createNoticeBoard } from '../network/notices.ts'
import { serveRequests } from '../network/rpc.ts'
import { localTransports } from '../network/transports.ts'
import { createMetricsLog, type MetricsLog } from '../run/metrics-log.ts'
import { freshState, replay } from '../run/replay.ts'
import { type RunFolder, readOrMakeToken, readRunConfig } from '../run/run-folder.ts'
import { type BlobStore, createFileBlobStore } from '../storage/blob-store.ts'
import type { Journal } from '../storage/journal.ts'
import { createSqliteJournal } from '../storage/sqlite-journal.ts'
import type { Compute } from '../training/compute.ts'
import { describeJob, fitJob, type JobLimits } from '../training/job.ts'
import { startCompute } from '../training/start-compute.ts'
import { type CoordinatorShell, createCoordinatorShell } from './coordinator-shell.ts'
import { mayServe } from './door.ts'
import {
  type CoordinatorWorld,
  measurePayload,
  performCoordinatorEffect,
} from './perform-coordinator.ts'
import { type Progress, progressOf } from './progress.ts'

export interface CoordinatorOptions {
  /** Multiaddrs to listen on. */
  listen: string[]
  announce: string[]
  /** What the WebSocket port answers besides. */
  pages?: ((run: HostedRun) => RequestListener) | undefined
  /** For evaluations. */
  limits: JobLimits
  log: Log
  onProgress(fact: Progress): void
}

/** What those who watch are told. */
export interface HostedRun {
  runId: RunId
  coordinator: PeerId
  /** What volunteers join by. */
  link: string
  /** Where browsers find the pages. */
  pageAddresses: string[]
  dashboard: ReadModel
}

export interface CoordinatorRole extends HostedRun {
  status(): RunStatus
  /** Resolves when the run is finished; rejects when it cannot go on. */
  finished: Promise<void>
  stop(): Promise<void>
}

export async function startCoordinator(
  folder: RunFolder,
  options: CoordinatorOptions,
): Promise<CoordinatorRole> {
  const { config, runId } = await readRunConfig(folder)
  const token = await readOrMakeToken(folder)
  const identity = await loadIdentity(folder.identity)
  const blobs = await createFileBlobStore(folder.blobs)
  const journal = createSqliteJournal(folder.journal, { runId })
  const state = freshState(config, runId, token)
  const dashboard = createReadModel(state)
  replay(state, journal, (event, effects, seq) => dashboard.observe(seq, event, effects))
  const compute = startCompute()
  try {
    const fitted = fitJob(config, options.limits)
    options.log.info(`Evaluations will take ${describeJob(config, fitted)}`)
    const weights = await blobs.read(config.base.weights.digest)
    await compute.run('set-up', { config, job: fitted.job, weights })
    const validation = await readValidation(config, blobs)
    const metrics = await createMetricsLog(folder.root, dashboard.changesFrom(null).rounds)
    const run = {
      config,
      runId,
      token,
      identity,
      blobs,
      journal,
      state,
      compute,
      measured: new Map(),
      validation,
      dashboard,
      metrics,
    }
    return await openDoors(run, options)
  } catch (error) {
    await compute.close()
    journal.close()
    throw error
  }
}

/** A peer that has to go gets this long to read why. */
const FAREWELL_MS = 1_000

interface OpenRun {
  config: RunConfig
  runId: RunId
  token: string
  identity: Identity
  blobs: BlobStore
  journal: Journal
  state: CoordinatorState
  compute: Compute
  measured: CoordinatorWorld['measured']
  validation: Sequences
  dashboard: ReadModel
  metrics: MetricsLog
}

/** They are for looking at: a run goes on without them. */
function writeMetrics({ metrics, dashboard }: OpenRun, log: Log): void {
  metrics
    .update(dashboard.changesFrom(null).rounds)
    .catch((error: Error) => log.warn(`The metrics cannot be written: ${error.message}`))
}

async function readValidation({ dataset, base }: RunConfig, blobs: BlobStore): Promise<Sequences> {
  const bytes = await blobs.read(dataset.validationShard.digest)
  const shard = decodeShard(bytes, { ...dataset, vocabSize: base.shape.vocabSize })
  return shard.sequences(0, dataset.validationSequences)
}

async function openDoors(run: OpenRun, options: CoordinatorOptions): Promise<CoordinatorRole> {
  const { config, runId, identity, blobs, journal, state, compute, measured } = run
  const { log, onProgress } = options
  const names = new Map<PeerId, string>()
  const finished = Promise.withResolvers<void>()
  const status = () => statusOf(state)
  let answer: RequestListener = (_request, response) => response.writeHead(503).end()
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: options.listen,
    announce: options.announce,
    role: 'coordinator',
    transports: localTransports({ onRequest: (...request) => answer(...request) }),
    isMember: (peer) => state.members.has(peer),
  })
  const board = await createNoticeBoard(host)
  const shell = createCoordinatorShell({
    ...{ state, journal, clock: createClock() },
    perform: (effect) => performCoordinatorEffect(world, effect),
    observe: (event, effects, seq) => {
      run.dashboard.observe(seq, event, effects)
      rememberName(names, event)
      const nameOf = (peer: PeerId) => names.get(peer) ?? peer.slice(-8)
      progressOf(event, effects, status, nameOf).forEach(onProgress)
      if (event.type === 'evaluated') writeMetrics(run, log)
      if (isDone(state)) finished.resolve()
    },
    onFatal: finished.reject,
  })
  const world = {
    ...{ config, runId, blobs, compute, measured, log, validation: run.validation },
    sign: identity.sign,
    notify: (to, notice) => (to === 'all' ? board.broadcast(notice) : board.send(to, notice)),
    disconnect: (peer) => {
      const reason = new Error('The coordinator closed the connection')
      setTimeout(() => disconnect(host, peer, reason), FAREWELL_MS)
    },
    feed: shell.feed,
    onFatal: finished.reject,
  } satisfies Parameters<typeof performCoordinatorEffect>[0]
  await servePeers(host, run, shell, log)
  shell.start()
  if (isDone(state)) finished.resolve()
  const hosted = hostedBy(host, run)
  answer = options.pages?.(hosted) ?? answer
  return {
    ...hosted,
    ...{ status, finished: finished.promise },
    stop: async () => {
      shell.stop()
      board.close()
      await run.metrics.written()
      await host.stop()
      await compute.close()
      journal.close()
    },
  }
}

function hostedBy(host: Host, { runId, token, dashboard }: OpenRun): HostedRun {
  const addresses = addressesOf(host)
  const pageAddresses = addresses.map(pageAddress).filter((address) => address !== null)
  const link = formatLink({ addresses, run: runId, token })
  return { runId, coordinator: host.peerId.toString(), link, pageAddresses, dashboard }
}

/** What peers do: the state machine answers requests, and says who may move which blob. */
async function servePeers(
  host: Host,
  run: OpenRun,
  shell: CoordinatorShell,
  log: Log,
): Promise<void> {
  const { blobs, state } = run
  const onError = (error: Error) => log.error(error.stack ?? error.message)
  host.addEventListener('peer:disconnect', ({ detail }) =>
    shell.feed({ type: 'disconnected', peer: detail.toString() }),
  )
  await serveRequests(
    host,
    async (peer, request) => shell.ask(peer, request, await isSignatureValid(peer, request)),
    { onError },
  )
  await serveBlobs(host, blobs, {
    mayServe: (peer, digest) => mayServe(state, peer, digest),
    admitUpload: (peer, leaseId, payload) =>
      shell.ask(peer, { type: 'upload', leaseId, payload }, true),
    onUploaded: async (_peer, leaseId, payload) => {
      const measured = await measurePayload(run, payload.digest)
      if ('malformed' in measured) throw new ProtocolError('refused', measured.malformed)
      shell.feed({ type: 'payload-stored', leaseId })
    },
    onUploadRefused: (_peer, leaseId, reason) =>
      shell.feed({ type: 'payload-refused', leaseId, reason }),
    onError,
  })
}

/** The last adapter is merged, and its held-out loss is known. */
function isDone({ phase, evaluationsPending }: CoordinatorState): boolean {
  return phase === 'finished' && evaluationsPending.length === 0
}

function rememberName(names: Map<PeerId, string>, event: CoordinatorEvent): void {
  if (event.type === 'request' && event.request.type === 'join') {
    names.set(event.peer, event.request.name)
  }
}

async function isSignatureValid(peer: PeerId, request: Request): Promise<boolean> {
  if (request.type !== 'commit') return true
  const bytes = signingBytes('contribution', request.contribution)
  return verifySignature(peer, bytes, request.signature)
}

/** TCP first: browsers skip what they cannot dial. */
function addressesOf(host: Host): string[] {
  return host
    .getMultiaddrs()
    .map(String)
    .sort((a, b) => Number(a.includes('/ws')) - Number(b.includes('/ws')))
}
