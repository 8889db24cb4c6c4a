/** The base model and the adapter of a run, each continuing the same text. */

import type { RunFolder } from '../run/run-folder.ts'
import { openTextModel } from './text-model.ts'
import { openTextSession, type Variant } from './text-session.ts'
import type { WriteOptions } from './write-text.ts'

export interface SampleRequest extends WriteOptions {
  prompt: string
}

export interface Sample {
  prompt: string
  base: string
  adapter: string
}

/** One sample a prompt; both draw from the same seed. */
export async function generateSamples(
  { root }: RunFolder,
  requests: readonly SampleRequest[],
): Promise<Sample[]> {
  const session = await openTextSession(await openTextModel({ run: root }))
  const write = async (variant: Variant, { prompt, ...options }: SampleRequest) => {
    const ids = session.model.tokenizer.encodeWhole(prompt)
    return (await session.write(variant, ids, options)).text
  }
  try {
    const samples: Sample[] = []
    for (const request of requests) {
      const { prompt } = request
      const [base, adapter] = [await write('base', request), await write('adapter', request)]
      samples.push({ prompt, base, adapter })
    }
    return samples
  } finally {
    await session.close()
  }
}
