/** The base model and the adapter of a run, each continuing the same text. */
import { join } from 'node:path'
import { openTokenizer } from '../model/tokenizer.ts'
import { createCompute } from '../training/compute.ts'
import { floatsOf } from '../training/floats.ts'
import { type OpenedRun, openRun } from './open-run.ts'
import type { RunFolder } from './run-folder.ts'

export interface GenerateOptions {
  prompt: string
  tokens: number
  temperature: number
  seed: number
}

export interface Sample {
  prompt: string
  base: string
  adapter: string
}

/** One sample a prompt; both models draw from the same seed. */
export async function generateSamples(
  folder: RunFolder,
  requests: readonly GenerateOptions[],
): Promise<Sample[]> {
  const run = await openRun(folder)
  const tokenizer = await openTokenizer(join(folder.base))
  const compute = createCompute()
  try {
    const { config, blobs } = run
    await compute.run('set-up', { config, weights: await blobs.read(config.base.weights.digest) })
    const adapter = await adapterOf(run)
    const samples: Sample[] = []
    for (const { prompt, tokens, temperature, seed } of requests) {
      const encoded = tokenizer.encode(prompt)
      const ids = encoded.length > 0 ? encoded : Int32Array.of(tokenizer.eosId)
      const input = { prompt: ids, tokensMax: tokens, temperature, seed, stopId: tokenizer.eosId }
      const base = await compute.run('generate', { ...input, adapter: null })
      const adapted = await compute.run('generate', { ...input, adapter })
      samples.push({
        prompt,
        base: tokenizer.decode(base),
        adapter: tokenizer.decode(adapted),
      })
    }
    return samples
  } finally {
    await compute.close()
  }
}

async function adapterOf({ state, blobs }: OpenedRun): Promise<Float32Array | null> {
  const { checkpoint } = state.round.start
  return checkpoint === null ? null : floatsOf(await blobs.read(checkpoint.digest))
}
