/** A model that writes, at work: text in, text out, the numbers in a thread of their own. */
import type { Batch } from '../../kernels/batch.ts'
import type { Sampling } from '../training/sample.ts'
import { startCompute } from '../training/start-compute.ts'
import type { ScoreOutput } from '../training/task.ts'
import type { TextModel } from './text-model.ts'

/** Whether the adapter is worn. */
export type Dress = 'base' | 'adapter'

export interface WriteOptions {
  tokensMax: number
  sampling: Sampling
  seed: number
}

export interface TextSession {
  readonly model: TextModel
  /** Continues a text; `onText` hears each piece of it as it is written. */
  write(
    dress: Dress,
    prompt: Int32Array,
    options: WriteOptions,
    onText?: (piece: string) => void,
  ): Promise<{ text: string; tokens: number }>
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
    await compute.run('open-model', { shape, weightsPath })
  } catch (error) {
    await compute.close()
    throw error
  }
  return {
    model,
    async write(dress, prompt, { tokensMax, sampling, seed }, onText = () => {}) {
      const ids: number[] = []
      let told = 0
      const tell = (text: string) => {
        onText(text.slice(told))
        told = text.length
      }
      const input = {
        ...{ adapter: adapterOf(dress), tokensMax, sampling, seed },
        prompt: prompt.length > 0 ? prompt : Int32Array.of(tokenizer.eosId),
        stopIds: tokenizer.stopIds,
      }
      const written = await compute.run('generate', input, (id) => {
        ids.push(id)
        tell(wholeText(tokenizer.decode(ids)))
      })
      const text = tokenizer.decode(written)
      tell(text)
      return { text, tokens: written.length }
    },
    hush: compute.hush,
    score: (dress, sequence) => compute.run('score', { adapter: adapterOf(dress), ...sequence }),
    logits: (dress, tokens) => compute.run('logits', { adapter: adapterOf(dress), tokens }),
    close: compute.close,
  }
}

/** Without the end that may still become another letter: tokens can end within one. */
function wholeText(text: string): string {
  return text.replace(/\uFFFD+$/, '')
}
