/** What a model in GGUF holds beside its weights, as the files that a folder of the hub has. */

import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import type { GgufHeader } from './gguf.ts'
import { ggufConfig, ROPE_FACTORS } from './gguf-config.ts'
import { ggufVocabulary } from './gguf-vocabulary.ts'
import { readGgufTensor } from './gguf-weights.ts'

export function ggufCompanions(
  header: GgufHeader,
  file: FileBytes,
): ReadonlyMap<string, Uint8Array> {
  refusePart(header)
  const divisors = header.tensors.has(ROPE_FACTORS)
    ? readGgufTensor(header, ROPE_FACTORS, file).values
    : null
  const { tokenizer, tokenizerConfig } = ggufVocabulary(header)
  const bytesOf = (value: object) => new TextEncoder().encode(JSON.stringify(value))
  return new Map([
    ['config.json', bytesOf(ggufConfig(header, divisors))],
    ['tokenizer.json', bytesOf(tokenizer)],
    ['tokenizer_config.json', bytesOf(tokenizerConfig)],
  ])
}

/** llama.cpp splits large files; but for the first, a part says nothing of the model. */
function refusePart({ metadata }: GgufHeader): void {
  const numberOf = (key: string) => {
    const entry = metadata.get(key)
    return entry === undefined || entry.type === 'array' ? 0 : Number(entry.value)
  }
  const count = numberOf('split.count')
  if (count <= 1) return
  throw new ModelError(
    'unsupported',
    `Cannot use this GGUF file as it is part ${numberOf('split.no') + 1} of ${count}. ` +
      'Join the parts: `llama-gguf-split --merge FIRST-PART OUTPUT`',
  )
}
