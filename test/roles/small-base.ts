/** The embedded base with its first layer alone: a third of its weights. */
import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { encodeHeader, parseSafetensors } from '../../node/model/safetensors.ts'
import { cachedFolder } from '../cached-folder.ts'

/** Its folder. */
export const SMALL_BASE = await smallBase()

async function smallBase(): Promise<string> {
  const weights = firstLayer()
  const digest = createHash('sha256').update(weights).digest('hex').slice(0, 16)
  return await cachedFolder(`small-base-${digest}`, (folder) => {
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
      copyFileSync(join(EMBEDDED_MODEL, name), join(folder, name))
    }
    const config = JSON.parse(readFileSync(join(EMBEDDED_MODEL, 'config.json'), 'utf8'))
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 1 }))
    writeFileSync(join(folder, 'model.safetensors'), weights)
  })
}

function firstLayer(): Uint8Array {
  const file = readFileSync(join(EMBEDDED_MODEL, 'model.safetensors'))
  const { tensors, metadata, dataStart } = parseSafetensors(file).header
  const kept = [...tensors].filter(([name]) => !/layers\.[1-9]/.test(name))
  const named = kept.map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const data = kept.map(([, { begin, end }]) => file.subarray(dataStart + begin, dataStart + end))
  return Buffer.concat([encodeHeader(named, Object.fromEntries(metadata)), ...data])
}
