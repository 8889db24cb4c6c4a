/** What a model in GGUF holds beside its weights, as the files that a folder of the hub has. */
import type { GgufHeader } from './gguf.ts'
import { ggufConfig, ROPE_FACTORS } from './gguf-config.ts'
import { ggufVocabulary } from './gguf-vocabulary.ts'
import { readGgufTensor } from './gguf-weights.ts'
import type { FileBytes } from './range-file.ts'

export function ggufCompanions(
  header: GgufHeader,
  file: FileBytes,
): ReadonlyMap<string, Uint8Array> {
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
