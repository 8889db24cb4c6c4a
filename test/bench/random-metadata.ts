/** What a host asks of a base of random weights: a tokenizer, whose vocabulary is filled up. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import type { GgufMetadata } from '../../node/model/gguf-format.ts'
import { ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import type { RunConfig } from '../../protocol/index.ts'

export async function randomMetadata(model: RunConfig['base']['shape']): Promise<GgufMetadata> {
  const file = (name: string) => readFile(join(EMBEDDED_MODEL, name))
  const tokenizer = { tokenizer: await file('tokenizer.json'), chatTemplate: null }
  const files = { ...tokenizer, config: await file('tokenizer_config.json') }
  const base = { name: 'random', license: 'none', digest: '' }
  return ggufModel({
    run: { name: 'one', runId: '', base, adapterDigest: '' },
    model,
    contextLength: 2048,
    tokenizer: ggufTokenizer(files, model.vocabSize),
    weights: { tensor: () => ({ shape: [], values: new Float32Array(0) }) },
    type: 'F16',
  }).metadata
}
