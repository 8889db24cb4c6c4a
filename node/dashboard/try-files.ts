/**
 * What a page needs to write with the model of a run: its shape, and by digest the weights, the
 * tokenizer's files, and the adapter of each round. Nothing else is given out.
 */

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../protocol/index.ts'
import type { ReadModel } from '../history/read-model.ts'
import { parseModelConfig } from '../model/config.ts'
import { type RunFolder, readRunConfig } from '../run/run-folder.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { defaultContext } from '../text/text-model.ts'
import type { TryPlan } from './try-plan.ts'

export interface TryFiles {
  /** @throws Error when the folder holds no run */
  plan(): Promise<TryPlan>
  /** Where the file is; null: it is not given out. */
  find(digest: Digest): Promise<{ path: string; bytes: number } | null>
}

/** Those without which nothing is written come first. */
const COMPANIONS = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
  'config.json',
]

export function createTryFiles(folder: RunFolder, model: ReadModel): TryFiles {
  let opened: ReturnType<typeof open> | null = null

  async function open() {
    const { config } = await readRunConfig(folder)
    const { base, adapter, kernels } = config
    const blobs = await createFileBlobStore(folder.blobs)
    const { contextLength } = parseModelConfig(await readFile(join(folder.base, 'config.json')))
    const paths = new Map([[base.weights.digest, blobs.path(base.weights.digest)]])
    const companions: TryPlan['companions'] = {}
    for (const name of COMPANIONS) {
      const path = join(folder.base, name)
      const bytes = await readFile(path).catch(ignoreMissing)
      if (bytes === undefined) continue
      const digest = createHash('sha256').update(bytes).digest('hex')
      companions[name] = { digest, bytes: bytes.length }
      paths.set(digest, path)
    }
    const shape = { model: base.shape, adapter, kernels, contextMax: defaultContext(contextLength) }
    const plan: TryPlan = { name: base.name, shape, weights: base.weights, companions }
    return { plan, paths, blobs }
  }

  /** Once; what fails is tried again by the next who asks. */
  function once(): ReturnType<typeof open> {
    opened ??= open().catch((error) => {
      opened = null
      throw error
    })
    return opened
  }

  return {
    plan: async () => (await once()).plan,
    async find(digest) {
      const { paths, blobs } = await once()
      const isAdapter = model.changesFrom(null).rounds.some(({ adapter }) => adapter === digest)
      const path = paths.get(digest) ?? (isAdapter ? blobs.path(digest) : null)
      if (path === null) return null
      return { path, bytes: (await stat(path)).size }
    },
  }
}
