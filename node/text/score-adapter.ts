/**
 * A run's own scores: its questions and prompts, asked of one adapter after the other in a thread
 * of its own, so that rounds are merged and measured meanwhile. The thread and its copy of the base
 * are there from the first score on.
 */
import type { Batch } from '../../kernels/index.ts'
import { counted, type RunConfig, type Scores } from '../../protocol/index.ts'
import { withinMs } from '../bounded-time.ts'
import type { Compute } from '../compute/compute.ts'
import { startCompute } from '../compute/start-compute.ts'
import { ANSWER_LENGTH_MAX, extractAnswer, type ScoredRows } from '../dataset/scored-rows.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { scoreQuestions } from './score-choices.ts'

export interface AdapterScorer {
  /**
   * Scores of an adapter (N), null for the base alone; one at a time.
   * @throws Error when it takes too long, or the base does not fit into memory
   */
  score(adapter: Float32Array | null): Promise<Scores>
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

/** One score takes no longer: whoever waits for the end of the run waits for the last. */
export const SCORE_MS_MAX = 30 * 60_000

/** The answers of one score are looked for in this time, in which the host does nothing else. */
const REGEX_MS_MAX = 2_000

const GREEDY = { temperature: 0, topK: 0, topP: 1 }

export function createAdapterScorer(options: ScorerOptions): AdapterScorer {
  const { config, weights, memoryBytesMax: bytesMax } = options
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
    async score(adapter) {
      const deadline = now() + SCORE_MS_MAX
      const check = () => {
        if (now() <= deadline) return
        throw new Error(
          `they take more than ${SCORE_MS_MAX / 60_000} minutes here: give fewer rows`,
        )
      }
      open ??= opened()
      try {
        return await scoresOf({ ...options, compute: await open, adapter: onceOf(adapter), check })
      } catch (error) {
        // What is broken is begun anew the next time.
        await close()
        throw error
      }
    },
    close,
  }
}

function onceOf(adapter: Float32Array | null): Scoring['adapter'] {
  let isSent = false
  return () => {
    if (isSent) return {}
    isSent = true
    return { adapter }
  }
}

interface Scoring extends Pick<ScorerOptions, 'rows' | 'decode' | 'config'> {
  compute: Compute
  /** The first task of a score takes it along; the others have the same without it. */
  adapter(): { adapter?: Float32Array | null }
  /** @throws Error when the time is over */
  check(): void
}

async function scoresOf(scoring: Scoring): Promise<Scores> {
  const { rows, compute, adapter, check, config } = scoring
  const scores: Scores = {}
  if (rows.questions.length > 0) {
    const reader = {
      contextMax: config.scoring!.contextTokens,
      score: (sequence: Batch) => compute.run('score', { ...adapter(), ...sequence }),
    }
    const { acc, accNorm } = await scoreQuestions(reader, rows.questions, check)
    scores.acc = acc
    scores.accNorm = accNorm
  }
  if (rows.prompts.length > 0) scores.exactMatch = await exactMatch(scoring)
  return scores
}

/** Share of the prompts whose answer, taken out of what is written, is the expected one. */
async function exactMatch({ rows, compute, adapter, decode, check }: Scoring): Promise<number> {
  const { prompts, tokensMax, stopIds, regex } = rows
  const written: string[] = []
  for (const { prompt } of prompts) {
    const ids = await compute.run('generate', {
      ...adapter(),
      prompt: Int32Array.from(prompt),
      tokensMax,
      sampling: GREEDY,
      seed: 0,
      stopIds,
    })
    written.push(decode(ids).slice(0, ANSWER_LENGTH_MAX))
    check()
  }
  const found = withinMs(
    REGEX_MS_MAX,
    () => written.map((text) => extractAnswer(text, regex)),
    `Cannot look for 'eval_generate.regex' in ${counted(written.length, 'answer')}`,
    'write one that has fewer ways to match',
  )
  const right = prompts.filter(({ answer }, i) => found[i] === new TextDecoder().decode(answer))
  return right.length / prompts.length
}
