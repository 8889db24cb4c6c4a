/**
 * The host's part of a run's scores: its questions and prompts, asked of one adapter after the
 * other in a thread of its own, so that rounds are merged and measured meanwhile. The thread and
 * its copy of the base are there from the first row on.
 */
import { type RunConfig, SCORE_MS_MAX, type ScoredRow, type Scores } from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import { startCompute } from '../compute/start-compute.ts'
import type { ScoredRows } from '../dataset/scored-rows.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { answerRows } from './answer-rows.ts'
import { sumUpScores } from './sum-up-scores.ts'

export interface AdapterScorer {
  /**
   * What an adapter (N), null for the base alone, makes of some rows; one call at a time.
   * @throws Error when it takes too long, or the base does not fit into memory
   */
  answer(adapter: Float32Array | null, part: { first: number; rows: number }): Promise<ScoredRow[]>
  /** @throws Error when a regex takes too long */
  sumUp(outcomes: readonly ScoredRow[]): Scores
  close(): Promise<void>
}

export interface ScorerOptions {
  config: RunConfig
  rows: ScoredRows
  /** The base's file. */
  weights: BlobFile
  decode(ids: Iterable<number>): string
  /** What the thread's memory may grow to, where streaming the base can do with that. */
  memoryBytesMax: number
  start?: () => Compute
  /** Milliseconds, of a clock that never goes back. */
  now?: () => number
}

export function createAdapterScorer(options: ScorerOptions): AdapterScorer {
  const { config, rows, decode, weights, memoryBytesMax: bytesMax } = options
  const { start = startCompute, now = () => performance.now() } = options
  const { contextTokens: contextMax } = config.scoring!
  let open: Promise<Compute> | null = null

  async function opened(): Promise<Compute> {
    const compute = start()
    const { shape: model } = config.base
    const shape = { model, adapter: config.adapter, kernels: config.kernels, contextMax }
    try {
      await compute.run('open-model', { shape, weights, bytesMax })
      return compute
    } catch (error) {
      await compute.close()
      throw error
    }
  }

  async function close(): Promise<void> {
    const closing = open
    open = null
    await (await closing?.catch(() => null))?.close()
  }

  return {
    async answer(adapter, part) {
      const deadline = now() + SCORE_MS_MAX
      const check = () => {
        if (now() <= deadline) return
        throw new Error(
          `they take more than ${SCORE_MS_MAX / 60_000} minutes here: give fewer rows`,
        )
      }
      open ??= opened()
      try {
        const compute = await open
        return await answerRows(rows, part, { compute, contextMax, adapter, check })
      } catch (error) {
        // What is broken is begun anew the next time.
        await close()
        throw error
      }
    },
    sumUp: (outcomes) => sumUpScores(rows, outcomes, decode),
    close,
  }
}
