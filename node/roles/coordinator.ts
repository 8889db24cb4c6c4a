/** The coordinator's role in a process: a run folder, opened and hosted on the network. */

import type { RequestListener } from 'node:http'
import { type CoordinatorState, isDone, statusOf } from '../../coordinator/index.ts'
import type { PeerId, RunConfig, RunId, RunStatus } from '../../protocol/index.ts'
import { createClock } from '../clock.ts'
import type { Compute } from '../compute/compute.ts'
import { describeJob, fitJob, type JobLimits } from '../compute/job.ts'
import { startCompute } from '../compute/start-compute.ts'
import { heldOutOf } from '../dataset/held-out.ts'
import { readGeneral } from '../dataset/read-general.ts'
import type { Sequences } from '../dataset/shards.ts'
import { heard } from '../heard.ts'
import { createMetricsLog, type MetricsLog, type MetricsSource } from '../history/metrics-log.ts'
import { type Progress, progressOf } from '../history/progress.ts'
import { createReadModel, type ReadModel } from '../history/read-model.ts'
import type { Log } from '../log.ts'
import { disconnectLater } from '../network/connection-guard.ts'
import { answerDialBack, type DialBackAnswer } from '../network/dial-back.ts'
import { servePunches } from '../network/hole-punching.ts'
import { createHost, type Host } from '../network/host.ts'
import { type Answerer, serveHttp } from '../network/http.ts'
import type { Identity } from '../network/identity.ts'
import { loadIdentity } from '../network/identity-file.ts'
import { createNoticeBoard } from '../network/notices.ts'
import { createRelayOrder } from '../network/relay-order.ts'
import { localTransports } from '../network/transports.ts'
import { checkIdentity, checkWhole } from '../run/going-on.ts'
import { freshState, replay } from '../run/replay.ts'
import {
  type RunFolder,
  readOrMakeCoinSecret,
  readOrMakeToken,
  readRunConfig,
  writeCoordinator,
} from '../run/run-folder.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import type { Journal } from '../storage/journal.ts'
import { createSqliteJournal } from '../storage/sqlite-journal.ts'
import type { AdapterScorer } from '../text/score-adapter.ts'
import { isInvited } from './admission.ts'
import { type CoordinatorShell, createCoordinatorShell } from './coordinator-shell.ts'
import { FAREWELL_MS } from './farewell.ts'
import { openScorer } from './open-scorer.ts'
import { type Order, type OrderResult, resultOf } from './orders.ts'
import { type CoordinatorWorld, performCoordinatorEffect } from './perform-coordinator.ts'
import { servePeers } from './serve-peers.ts'
import { askRelay, type Lead, type OpenWays, openWays, type Ways } from './ways.ts'

export interface CoordinatorOptions {
  /** Multiaddrs to listen on. */
  listen: string[]
  announce: string[]
  /** Relays to be reached through, as `barnraise relay` prints them. */
  relays?: string[]
  /** False: whoever comes through a relay is told of no other way, and so of no address here. */
  punch?: boolean
  /** Web addresses that have the base as well, of which volunteers are told. */
  mirrors?: readonly string[]
  /** What the WebSocket port answers besides. */
  pages?: ((run: HostedRun) => PageAnswers) | undefined
  /** What evaluations may take. */
  limits: JobLimits
  log: Log
  onProgress(fact: Progress): void
  /** Told of the ways when the relay is lost that led, and another leads. */
  onMoved?(ways: Ways): void
}

/** What answers those who look at a run: over HTTP and, where that is offered, over libp2p. */
export interface PageAnswers {
  answer: RequestListener
  answerOver?: Answerer
}

/** What those who watch are told. */
export interface HostedRun extends Ways {
  runId: RunId
  coordinator: PeerId
  /** Who is let in; see RunConfig. */
  kind: RunConfig['admission']['kind']
  dashboard: ReadModel
  /** Whether what follows the # of a link lets in whoever holds it. */
  isInvited(word: string): Promise<boolean>
  /** Follows what the organiser decides. */
  order(order: Order): Promise<OrderResult>
}

export interface CoordinatorRole extends HostedRun {
  status(): RunStatus
  /**
   * It is reached by these others besides from now on: those who are here are told. Returns the
   * ways to it.
   */
  leadBy(lead: Lead): Ways
  /** What the first of its relays sees of a port here; null: it has none. */
  askRelay(port: number): Promise<DialBackAnswer | null>
  /** Resolves when the run is finished; rejects when it cannot go on. */
  finished: Promise<void>
  stop(): Promise<void>
}

export async function startCoordinator(
  folder: RunFolder,
  options: CoordinatorOptions,
): Promise<CoordinatorRole> {
  const { config, runId } = await readRunConfig(folder)
  await checkWhole(folder)
  const { token, isNew } = await readOrMakeToken(folder)
  const coin = await readOrMakeCoinSecret(folder)
  const identity = await loadIdentity(folder.identity)
  const blobs = await createFileBlobStore(folder.blobs)
  const journal = createSqliteJournal(folder.journal, { runId })
  const state = freshState(config, runId)
  const dashboard = createReadModel(state)
  await orClose(journal, async () => {
    replay(state, journal, (event, effects, seq) => dashboard.observe(seq, event, effects))
    await checkIdentity(folder, identity.peerId, state, blobs)
    await writeCoordinator(folder, identity.peerId)
  })
  if (isNew && state.at !== null) options.log.warn(NEW_TOKEN)
  if (coin.isNew && state.at !== null) options.log.warn(NEW_COIN)
  const compute = startCompute()
  try {
    const fitted = fitJob(config, options.limits)
    options.log.info(`Evaluations will take ${describeJob(config, fitted)}`)
    const weights = await blobs.file(config.base.weights.digest)
    await compute.run('set-up', { config, job: fitted.job, weights })
    const heldOut = await blobs.read(config.dataset.validationShard.digest)
    const { validation, gateText } = heldOutOf(config, heldOut)
    const general = await generalText(folder.base, config, options.log)
    const scorer = await openScorer(folder, config, blobs, options.limits)
    const metrics = await createMetricsLog(folder.root, measuredIn(dashboard))
    const run = {
      config,
      runId,
      token,
      coinSecret: coin.secret,
      identity,
      blobs,
      journal,
      state,
      compute,
      measured: new Map(),
      validation,
      gateText,
      general,
      scorer,
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

const NEW_COIN =
  'The file coin.key was missing, so there is a new one: audits are drawn with it from now on, ' +
  'and nobody can check the draws before it'

const NEW_TOKEN =
  'The file with the token was missing, so there is a new one: the run goes on, but links that ' +
  'were given out before let nobody in any more'

async function orClose(journal: Journal, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    journal.close()
    throw error
  }
}

interface OpenRun {
  config: RunConfig
  runId: RunId
  token: string
  coinSecret: Uint8Array
  identity: Identity
  blobs: BlobStore
  journal: Journal
  state: CoordinatorState
  compute: Compute
  measured: CoordinatorWorld['measured']
  validation: Sequences
  gateText: Sequences
  general: Sequences | null
  scorer: AdapterScorer | null
  dashboard: ReadModel
  metrics: MetricsLog
}

const measuredIn = (dashboard: ReadModel): MetricsSource => {
  const { rounds, run } = dashboard.changesFrom(null)
  return { rounds, metric: run.metric }
}

/** They are for looking at: a run goes on without them. */
function writeMetrics({ metrics, dashboard }: OpenRun, log: Log): void {
  metrics
    .update(measuredIn(dashboard))
    .catch((error: Error) => log.warn(`The metrics cannot be written: ${error.message}`))
}

/** Null where it cannot be had: it is for looking at, so the run goes on, and says so. */
async function generalText(folder: string, config: RunConfig, log: Log): Promise<Sequences | null> {
  try {
    return await readGeneral({ folder, config })
  } catch (error) {
    log.warn(`Nobody watches what the model forgets: ${(error as Error).message}`)
    return null
  }
}

async function openDoors(run: OpenRun, options: CoordinatorOptions): Promise<CoordinatorRole> {
  const { config, runId, identity, blobs, journal, state, compute, measured } = run
  const { log, onProgress } = options
  const finished = Promise.withResolvers<void>()
  const ended = heard(finished.promise)
  const status = () => statusOf(state)
  let answer: RequestListener = (_request, response) => response.writeHead(503).end()
  const { relays = [] } = options
  const relayOrder = createRelayOrder(relays)
  let ways: OpenWays | null = null
  const onRelay = (relay: string, lost: string | null) => {
    if (lost === null) log.info(`${relay} passes on again`)
    else log.warn(`${relay} is lost: ${lost}`)
    const hasMoved = relayOrder.note(relay, lost !== null)
    if (hasMoved && ways !== null) options.onMoved?.(ways.now())
  }
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: options.listen,
    announce: options.announce,
    relays,
    onRelay,
    role: 'coordinator',
    transports: localTransports({
      onRequest: (...request) => {
        if (!answerDialBack(...request)) answer(...request)
      },
    }),
    isMember: (peer) => state.members.has(peer),
  })
  if (options.punch !== false) await servePunches(host)
  const opened = openWays(host, run, relayOrder)
  ways = opened
  const board = await createNoticeBoard(host, {
    greeting: (peer) => (state.members.has(peer) ? opened.notice() : null),
  })
  const shell = createCoordinatorShell({
    state,
    journal,
    clock: createClock(state.at ?? undefined),
    coinSecret: run.coinSecret,
    perform: (effect) => performCoordinatorEffect(world, effect),
    observe: (event, effects, seq) => {
      const { run: standing } = run.dashboard
      const told = run.dashboard
        .observe(seq, event, effects)
        .map((fact) => progressOf(fact, standing))
        .filter((progress) => progress !== null)
      return () => {
        told.forEach(onProgress)
        if (event.type === 'evaluated' || event.type === 'scored') writeMetrics(run, log)
        if (isDone(state)) finished.resolve()
      }
    },
    onFatal: finished.reject,
  })
  const world = {
    config,
    runId,
    blobs,
    compute,
    measured,
    log,
    validation: run.validation,
    gate: { text: run.gateText, measured: new Map() },
    general: run.general,
    scorer: run.scorer,
    scoring: Promise.resolve(),
    coinSecret: run.coinSecret,
    bench: oneAfterTheOther(),
    sign: identity.sign,
    notify: (to, notice) => (to === 'all' ? board.broadcast(notice) : board.send(to, notice)),
    disconnect: (peer) => {
      const reason = new Error('The coordinator closed the connection')
      disconnectLater(host, peer, { reason, delayMs: FAREWELL_MS })
    },
    feed: shell.feed,
    merging: Promise.resolve(),
    attempt: 0,
    onFatal: finished.reject,
  } satisfies Parameters<typeof performCoordinatorEffect>[0]
  const { mirrors = [] } = options
  const onError = (error: Error) => log.error(error.stack ?? error.message)
  const tellWays = (peer: PeerId) => void board.send(peer, opened.notice())
  const transfersEnded = await servePeers(host, run, {
    shell,
    mirrors,
    onJoined: (peer, way) => {
      log.info(`${peer} has joined: ${way}`)
      tellWays(peer)
    },
    onError,
  })
  shell.start()
  if (isDone(state)) finished.resolve()
  const hosted = hostedBy(host, run, shell, opened.now())
  const pages = options.pages?.(hosted)
  answer = pages?.answer ?? answer
  if (pages?.answerOver !== undefined) await serveHttp(host, pages.answerOver, onError)
  return {
    ...hosted,
    status,
    leadBy: (lead) => {
      const led = opened.leadBy(lead)
      for (const peer of state.members.keys()) tellWays(peer)
      return led
    },
    askRelay: (port) => askRelay(host, relays, port),
    finished: ended,
    stop: async () => {
      shell.stop()
      await board.close()
      await run.metrics.written()
      await host.stop()
      await Promise.all([compute.close(), run.scorer?.close()])
      // Whoever has stopped it may move the folder away.
      await Promise.all([world.merging, world.scoring, transfersEnded()])
      journal.close()
    },
  }
}

function hostedBy(host: Host, run: OpenRun, shell: CoordinatorShell, ways: Ways): HostedRun {
  const { runId, dashboard, state } = run
  const coordinator = host.peerId.toString()
  const invited = (word: string) => isInvited(run, state, word)
  return {
    ...ways,
    runId,
    coordinator,
    kind: run.config.admission.kind,
    dashboard,
    isInvited: invited,
    order: async (order) => resultOf(await shell.order(order)),
  }
}

/** Work waits for the work before it, however that ended. */
function oneAfterTheOther(): CoordinatorWorld['bench'] {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work, work)
    last = result
    return result
  }
}
