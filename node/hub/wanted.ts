/** Which files of a model's repository a run needs. */
import { ConfigError } from '../../protocol/index.ts'
import { describeReference, type HubReference } from './reference.ts'

const MODEL_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
]
const WHOLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'
const SHARD = /^model-\d+-of-(\d+)\.safetensors$/

/** @throws ConfigError when there are no weights that we can read */
export function modelFiles(reference: HubReference, names: readonly string[]): string[] {
  if (reference.file !== null) return only(reference, names)
  const companions = MODEL_FILES.filter((name) => names.includes(name))
  if (names.includes(WHOLE)) return [...companions, WHOLE]
  if (names.includes(INDEX)) return [...companions, INDEX, ...shards(reference, names)]
  const ggufs = names.filter((name) => name.endsWith('.gguf'))
  const advice =
    ggufs.length === 0
      ? 'it has no safetensors'
      : `it has GGUF files, of which you name one: '${reference.id}:${ggufs[0]}'`
  throw new ConfigError(`Cannot train on '${describeReference(reference)}' as ${advice}`)
}

function shards(reference: HubReference, names: readonly string[]): string[] {
  const found = names.filter((name) => SHARD.test(name))
  const count = Number(SHARD.exec(found[0] ?? '')?.[1] ?? 1)
  if (found.length === count) return found
  throw new ConfigError(
    `Cannot train on '${describeReference(reference)}' as it has ${found.length} of ${count} ` +
      'files of weights',
  )
}

export function only(reference: HubReference, names: readonly string[]): string[] {
  if (names.includes(reference.file!)) return [reference.file!]
  const kind = names.filter((name) => name.endsWith('.gguf')).join(', ')
  throw new ConfigError(
    `Cannot use '${describeReference(reference)}' as there is no such file: there are ${kind}`,
  )
}
