/** A model that writes, at work: text in, text out, the numbers in a thread of their own. */
import type { Batch } from '../../kernels/index.ts'
import { startCompute } from '../compute/start-compute.ts'
import type { ScoreOutput } from '../compute/task.ts'
import type { TextModel } from './text-model.ts'
import { type WriteOptions, type Written, writeText } from './write-text.ts'

/** The base as it is, or with the adapter on it. */
export type Variant = 'base' | 'adapter'

export interface TextSession {
  readonly model: TextModel
  /** Continues a text; `onText` hears each piece of it as it is written. */
  write(
    variant: Variant,
    prompt: Int32Array,
    options: WriteOptions,
    onText?: (piece: string) => void,
  ): Promise<Written>
  /** Ends what is being written. */
  stopWriting(): void
  /** Takes no more than `contextMax` tokens. */
  score(variant: Variant, sequence: Batch): Promise<ScoreOutput>
  logits(variant: Variant, tokens: Int32Array): Promise<Float32Array>
  close(): Promise<void>
}

/** @throws Error when the weights cannot be read or do not fit into memory */
export async function openTextSession(model: TextModel): Promise<TextSession> {
  const compute = startCompute()
  const { shape, weightsPath, tokenizer } = model
  const adapterOf = (variant: Variant) => (variant === 'base' ? null : model.adapter)
  try {
    await compute.run('open-model', { shape, weights: weightsPath })
  } catch (error) {
    await compute.close()
    throw error
  }
  return {
    model,
    write: (variant, prompt, options, onText) =>
      writeText(
        { compute, tokenizer },
        { ...options, prompt, adapter: adapterOf(variant) },
        onText,
      ),
    stopWriting: compute.stopWriting,
    score: (variant, sequence) =>
      compute.run('score', { adapter: adapterOf(variant), ...sequence }),
    logits: (variant, tokens) => compute.run('logits', { adapter: adapterOf(variant), tokens }),
    close: compute.close,
  }
}
