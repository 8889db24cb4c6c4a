/** Does what the participant's effects say, one case an effect, and feeds the outcomes back. */
import type { Connection } from '@libp2p/interface'
import type { ParticipantEffect } from '../../coordinator/effect.ts'
import { type AdapterLayout, adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { signingBytes } from '../../protocol/envelope.ts'
import { assertNever, ConfigError, ProtocolError } from '../../protocol/errors.ts'
import {
  type Contribution,
  type Lease,
  type LeaseId,
  type Notice,
  type PeerId,
  type RoundStart,
  traceSeed,
} from '../../protocol/messages.ts'
import type { BlobReference, RunConfig, RunId } from '../../protocol/run-config.ts'
import { readBatches } from '../dataset/batches.ts'
import type { Log } from '../log.ts'
import { fetchBlob, uploadBlob } from '../network/blobs.ts'
import { RefusedError } from '../network/errors.ts'
import { request } from '../network/rpc.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { Compute, StepProgress } from '../training/compute.ts'
import { bytesOf, floatsOf } from '../training/floats.ts'
import { checkData, describeJob, fitJob, type JobLimits } from '../training/job.ts'
import type { NewParticipantEvent } from './participant-shell.ts'

export interface ParticipantWorld {
  peer: PeerId
  blobs: BlobStore
  compute: Compute
  limits: JobLimits
  /** May be moved in a day, both ways; null: as much as it takes. */
  dataBytesMax: number | null
  /** Looks for the base elsewhere, before the coordinator is asked for it. */
  findBase(base: BlobReference, onBytes: (done: number, moved: number) => void): Promise<boolean>
  log: Log
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Dials the coordinator and listens for notices until the connection ends. */
  connect(
    onNotice: (notice: Notice) => void,
  ): Promise<{ connection: Connection; ended: Promise<string> }>
  feed(event: NewParticipantEvent): void
  onStep(progress: StepProgress): void
  onTransfer(progress: TransferProgress): void
  onExit(outcome: Extract<ParticipantEffect, { type: 'exit' }>): void
}

export interface TransferProgress {
  what: string
  done: number
  total: number
  /** Bytes since this was told last. */
  moved: number
}

/** What the participant holds of the run, between effects. */
interface Held {
  connection: Connection | null
  config: RunConfig | null
  runId: RunId
  layout: AdapterLayout | null
  adapter: Float32Array | null
  adapterDigest: Digest
  moment: Uint8Array | null
  /** Leases whose work is to be forgotten when it ends. */
  abandoned: Set<LeaseId>
}

export interface ParticipantPerformer {
  perform(effect: ParticipantEffect): void
  disconnect(): Promise<void>
}

export function createParticipantPerformer(world: ParticipantWorld): ParticipantPerformer {
  const held: Held = {
    connection: null,
    config: null,
    runId: '',
    layout: null,
    adapter: null,
    adapterDigest: '',
    moment: null,
    abandoned: new Set(),
  }
  world.compute.onStep((progress) => {
    const { leaseId, steps, stepMs } = progress
    world.feed({ type: 'step-done', leaseId, steps, stepMs })
    world.onStep(progress)
  })
  const failed = (what: 'set-up' | 'prepare') => (error: Error) =>
    world.feed({ type: 'failed', what, reason: error.message, fatal: error instanceof ConfigError })

  function perform(effect: ParticipantEffect): void {
    switch (effect.type) {
      case 'connect':
        connect(world, held).catch((error: Error) =>
          world.feed({ type: 'disconnected', reason: error.message }),
        )
        return
      case 'request':
        ask(world, held, effect)
        return
      case 'set-up':
        setUp(world, held, effect).then(() => world.feed({ type: 'set-up' }), failed('set-up'))
        return
      case 'prepare':
        prepare(world, held, effect.start).then(world.feed, failed('prepare'))
        return
      case 'train':
        startTraining(world, held, effect)
        return
      case 'stop-training':
        return world.compute.stopTraining(effect.leaseId, effect.when)
      case 'abandon-training':
        held.abandoned.add(effect.leaseId)
        return world.compute.abandonTraining(effect.leaseId)
      case 'upload':
        upload(world, held, effect.leaseId, effect.payload).then(world.feed, (error: Error) => {
          const refusal = error instanceof RefusedError ? error.refusal : null
          world.feed({
            type: 'upload-failed',
            leaseId: effect.leaseId,
            reason: error.message,
            ...(refusal !== null && { refusal }),
          })
        })
        return
      case 'disconnect':
        void disconnect()
        return
      case 'exit':
        return world.onExit(effect)
      case 'log':
        return world.log[effect.level](effect.text)
      default:
        assertNever(effect)
    }
  }

  async function disconnect(): Promise<void> {
    await held.connection?.close().catch(() => {})
    held.connection = null
  }
  return { perform, disconnect }
}

async function connect(world: ParticipantWorld, held: Held): Promise<void> {
  const { connection, ended } = await world.connect((notice) =>
    world.feed({ type: 'notice', notice }),
  )
  held.connection = connection
  world.feed({ type: 'connected' })
  const reason = await ended
  if (held.connection === connection) held.connection = null
  world.feed({ type: 'disconnected', reason })
}

function connectionOf(held: Held): Connection {
  if (held.connection === null) throw new ProtocolError('silent', 'Not connected')
  return held.connection
}

function ask(
  world: ParticipantWorld,
  held: Held,
  effect: Extract<ParticipantEffect, { type: 'request' }>,
): void {
  const { requestId } = effect
  Promise.resolve()
    .then(() => request(connectionOf(held), effect.request))
    .then(
      (reply) => world.feed({ type: 'reply', requestId, reply }),
      (error: Error) => world.feed({ type: 'request-failed', requestId, reason: error.message }),
    )
}

async function setUp(
  world: ParticipantWorld,
  held: Held,
  { config, runId }: { config: RunConfig; runId: RunId },
): Promise<void> {
  // Before anything is fetched: what does not fit is refused at once.
  const fitted = fitJob(config, world.limits)
  world.log.info(`Training will take ${describeJob(config, fitted)}`)
  const { weights: base } = config.base
  if (!(await world.blobs.has(base.digest))) {
    const isFound = await world.findBase(base, (done, moved) =>
      world.onTransfer({ what: 'base model', done, total: base.bytes, moved }),
    )
    if (!isFound) checkData(base, world.dataBytesMax)
  }
  const weights = await fetched(world, held, base, 'base model')
  await world.compute.run('set-up', { config, job: fitted.job, weights })
  held.config = config
  held.runId = runId
  held.layout = adapterLayout(config.base.shape, config.adapter)
}

/** Bytes of a blob, from the own store or from the coordinator. */
async function fetched(
  world: ParticipantWorld,
  held: Held,
  reference: BlobReference,
  what: string,
): Promise<Uint8Array> {
  if (!(await world.blobs.has(reference.digest))) {
    await fetchBlob(connectionOf(held), reference, world.blobs, {
      onProgress: (done, total, moved) => world.onTransfer({ what, done, total, moved }),
    })
  }
  return world.blobs.read(reference.digest)
}

/**
 * Brings the adapter to the round's base: by the update when that fits, by the checkpoint
 * otherwise.
 */
async function prepare(
  world: ParticipantWorld,
  held: Held,
  start: RoundStart,
): Promise<NewParticipantEvent> {
  if (held.adapterDigest !== start.base) {
    const adapter = await adapterAt(world, held, start)
    held.adapter = adapter
    held.adapterDigest = start.base
  }
  held.moment = start.moment === null ? null : await fetched(world, held, start.moment, 'moments')
  return { type: 'prepared', round: start.round, base: start.base }
}

async function adapterAt(
  world: ParticipantWorld,
  held: Held,
  start: RoundStart,
): Promise<Float32Array> {
  const config = held.config!
  if (start.checkpoint === null) {
    const adapter = initialAdapter(held.layout!, config.seed)
    if (digestOf(bytesOf(adapter)) === start.base) return adapter
    throw new ProtocolError('digest-mismatch', 'The first adapter does not follow from the seed')
  }
  if (held.adapter !== null && start.update !== null) {
    const update = await fetched(world, held, start.update, 'update')
    const adapter = await world.compute.run('apply-update', {
      config,
      adapter: held.adapter,
      update,
    })
    if (digestOf(bytesOf(adapter)) === start.base) return adapter
    world.log.debug('The update does not fit the adapter here; fetching the checkpoint')
  }
  const checkpoint = await fetched(world, held, start.checkpoint, 'adapter')
  if (start.checkpoint.digest !== start.base || checkpoint.length !== held.layout!.count * 4) {
    throw new ProtocolError('digest-mismatch', 'The checkpoint is not the adapter announced')
  }
  return floatsOf(checkpoint)
}

function startTraining(
  world: ParticipantWorld,
  held: Held,
  { lease, start }: Extract<ParticipantEffect, { type: 'train' }>,
): void {
  const { leaseId } = lease
  const finish = (event: NewParticipantEvent) => {
    if (!held.abandoned.delete(leaseId)) world.feed(event)
  }
  train(world, held, lease, start).then(finish, (error: Error) =>
    finish({ type: 'training-failed', leaseId, reason: error.message }),
  )
}

async function train(
  world: ParticipantWorld,
  held: Held,
  lease: Lease,
  start: RoundStart,
): Promise<NewParticipantEvent> {
  const config = held.config!
  const { leaseId, round, base, firstBatch, steps, learningRate } = lease
  const sequences = await readBatches(config, firstBatch, steps, (shard) =>
    fetched(world, held, shard, 'data'),
  )
  const identity = { runId: held.runId, round, leaseId, peer: world.peer, base }
  const output = await world.compute.run('train', {
    ...sequences,
    leaseId,
    steps,
    adapter: held.adapter!,
    moment: start.moment === null ? null : held.moment,
    learningRate,
    traceSeed: traceSeed(identity),
  })
  if (output.status === 'failed') {
    return { type: 'training-failed', leaseId, reason: output.reason }
  }
  const { tokens, loss, trace, stepMs } = output
  const payload = await world.blobs.put(output.payload)
  const contribution: Contribution = {
    ...identity,
    firstBatch,
    steps: output.steps,
    tokens,
    loss,
    trace,
    payload,
    stepMs,
  }
  const signature = await world.sign(signingBytes('contribution', contribution))
  return { type: 'trained', leaseId, contribution, signature }
}

async function upload(
  world: ParticipantWorld,
  held: Held,
  leaseId: LeaseId,
  payload: BlobReference,
): Promise<NewParticipantEvent> {
  await uploadBlob(connectionOf(held), leaseId, payload, world.blobs, {
    onProgress: (done, total, moved) => world.onTransfer({ what: 'result', done, total, moved }),
  })
  await world.blobs.remove(payload.digest)
  return { type: 'uploaded', leaseId }
}
