/**
 * Steps of somebody else, done again: the same base, the same batches, the same link before the
 * first. Volunteers audit by it, and the coordinator looks into disputes by it.
 */

import type { AuditResult } from '../../coordinator/index.ts'
import { adapterLayout, initialAdapter } from '../../kernels/index.ts'
import {
  type AuditOffer,
  type BlobReference,
  digestOf,
  type RunConfig,
} from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import { floatsOf } from '../compute/floats.ts'
import { readBatches } from '../dataset/batches.ts'

export type Steps = Omit<AuditOffer, 'deadlineMs'>

export interface RepeatWorld {
  config: RunConfig
  compute: Compute
  /** Bytes of a shard, or of what the steps start from. */
  read(blob: BlobReference): Promise<Uint8Array>
}

/** @throws when it was stopped, or when a step came to nothing */
export async function repeatSteps(world: RepeatWorld, steps: Steps): Promise<AuditResult> {
  const { config, compute, read } = world
  const { leaseId, start, firstBatch, kind, seed } = steps
  const { checkpoint, moment, learningRate } = start
  const layout = adapterLayout(config.base.shape, config.adapter)
  const sequences = await readBatches(config, firstBatch, steps.steps, read)
  const output = await compute.run('train', {
    ...sequences,
    leaseId,
    firstBatch,
    steps: steps.steps,
    adapter:
      checkpoint === null ? initialAdapter(layout, config.seed) : floatsOf(await read(checkpoint)),
    moment: moment === null ? null : await read(moment),
    learningRate,
    traceStart: seed,
  })
  if (output.status === 'failed') throw new Error(output.reason)
  if (output.status === 'empty' || output.steps < steps.steps) throw new Error('it was stopped')
  const { trace, payload, tokens } = output
  if (kind === 'look') return { trace, payload: null, tokens: null }
  return { trace, payload: digestOf(payload), tokens }
}
