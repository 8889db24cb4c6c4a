/** A volunteer gets ready: the model of the run, once, then what each round starts from. */
import type { ParticipantEffect } from '../../coordinator/participant/index.ts'
import { adapterLayout, initialAdapter } from '../../kernels/index.ts'
import { DigestMismatch, digestOf, type RoundStart } from '../../protocol/index.ts'
import { bytesOf, floatsOf } from '../compute/floats.ts'
import { describeJob, fitJob } from '../compute/job.ts'
import { checkRunSizes, checkStartSizes } from '../compute/sizes.ts'
import { startWords } from '../run/start-words.ts'
import { bringBase } from './bring-base.ts'
import { fetchedOnce, type Held } from './held.ts'
import type { NewParticipantEvent } from './participant-shell.ts'
import type { ParticipantWorld } from './participant-world.ts'

/** @throws ConfigError when this machine can never take part, before anything is fetched */
export async function setUp(
  world: ParticipantWorld,
  held: Held,
  { config, runId, mirrors }: Omit<Extract<ParticipantEffect, { type: 'set-up' }>, 'type'>,
): Promise<void> {
  checkRunSizes(config)
  const start = startWords(config)
  if (start !== null) world.log.info(`The run begins with ${start}`)
  const fitted = fitJob(config, world.limits)
  world.log.info(`Training will take ${describeJob(config, fitted)}`)
  const weights = await bringBase(world, held, { runId, base: config.base.weights, mirrors })
  await world.compute.run('set-up', { config, job: fitted.job, weights })
  held.isReading = false
  held.config = config
  held.runId = runId
  held.layout = adapterLayout(config.base.shape, config.adapter)
}

/**
 * Brings the adapter to the round's base: by the update when that fits, by the checkpoint
 * otherwise.
 */
export async function prepare(
  world: ParticipantWorld,
  held: Held,
  start: RoundStart,
): Promise<NewParticipantEvent> {
  checkStartSizes(start, held.layout!, held.config!.aggregation)
  const first = held.config!.adapter.start?.checkpoint.digest
  if (start.round === 0 && start.checkpoint?.digest !== first) {
    throw new DigestMismatch('The first round starts from another adapter than the run')
  }
  if (held.adapterDigest !== start.base) {
    held.adapter = await adapterAt(world, held, start)
    held.adapterDigest = start.base
  }
  held.moment =
    start.moment === null ? null : await fetchedOnce(world, held, start.moment, 'moments')
  return { type: 'prepared', round: start.round, base: start.base }
}

async function adapterAt(
  world: ParticipantWorld,
  held: Held,
  start: RoundStart,
): Promise<Float32Array> {
  if (start.checkpoint === null) {
    const adapter = initialAdapter(held.layout!, held.config!.seed)
    if (digestOf(bytesOf(adapter)) === start.base) return adapter
    throw new DigestMismatch('The first adapter does not follow from the seed')
  }
  const updated = await adapterByUpdate(world, held, start)
  if (updated !== null) return updated
  const checkpoint = await fetchedOnce(world, held, start.checkpoint, 'adapter')
  if (start.checkpoint.digest !== start.base) {
    throw new DigestMismatch('The checkpoint is not the adapter announced')
  }
  return floatsOf(checkpoint)
}

/** null: there is nothing here that the update could be applied to. */
async function adapterByUpdate(
  world: ParticipantWorld,
  held: Held,
  start: RoundStart,
): Promise<Float32Array | null> {
  if (held.adapter === null || start.update === null) return null
  const update = await fetchedOnce(world, held, start.update, 'update')
  const input = { config: held.config!, adapter: held.adapter, update }
  const adapter = await world.compute.run('apply-update', input)
  if (digestOf(bytesOf(adapter)) === start.base) return adapter
  world.log.debug('The update does not fit the adapter here; fetching the checkpoint')
  return null
}
