/** A model that writes, at work: text in, text out, the numbers in a thread of their own. */
import type { Batch } from '../../kernels/batch.ts'
import { startCompute } from '../training/start-compute.ts'
import type { ScoreOutput } from '../training/task.ts'
import { type WriteOptions, type Written, writeText } from '../training/write-text.ts'
import type { TextModel } from './text-model.ts'

/** Whether the adapter is worn. */
export type Dress = 'base' | 'adapter'

export interface TextSession {
  readonly model: TextModel
  /** Continues a text; `onText` hears each piece of it as it is written. */
  write(
    dress: Dress,
    prompt: Int32Array,
    options: WriteOptions,
    onText?: (piece: string) => void,
  ): Promise<Written>
  /** Ends what is being written. */
  hush(): void
  /** Up to `contextMax` tokens. */
  score(dress: Dress, sequence: Batch): Promise<ScoreOutput>
  logits(dress: Dress, tokens: Int32Array): Promise<Float32Array>
  close(): Promise<void>
}

/** @throws Error when the weights cannot be read or do not fit into memory */
export async function openTextSession(model: TextModel): Promise<TextSession> {
  const compute = startCompute()
  const { shape, weightsPath, tokenizer } = model
  const adapterOf = (dress: Dress) => (dress === 'base' ? null : model.adapter)
  try {
    await compute.run('open-model', { shape, weights: weightsPath })
  } catch (error) {
    await compute.close()
    throw error
  }
  return {
    model,
    write: (dress, prompt, options, onText) =>
      writeText({ compute, tokenizer }, { ...options, prompt, adapter: adapterOf(dress) }, onText),
    hush: compute.hush,
    score: (dress, sequence) => compute.run('score', { adapter: adapterOf(dress), ...sequence }),
    logits: (dress, tokens) => compute.run('logits', { adapter: adapterOf(dress), tokens }),
    close: compute.close,
  }
}
