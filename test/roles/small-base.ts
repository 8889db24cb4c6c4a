/** The embedded base with its first layer alone: a third of its weights. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { encodeHeader, parseSafetensors } from '../../node/model/safetensors.ts'

/** Its folder, which is there as long as this process is. */
export const SMALL_BASE = writeSmallBase()

function writeSmallBase(): string {
  const folder = mkdtempSync(join(tmpdir(), 'barnraise-base-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
    copyFileSync(join(EMBEDDED_MODEL, name), join(folder, name))
  }
  const config = JSON.parse(readFileSync(join(EMBEDDED_MODEL, 'config.json'), 'utf8'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: 1 }))
  writeFileSync(join(folder, 'model.safetensors'), firstLayer())
  return folder
}

function firstLayer(): Uint8Array {
  const file = readFileSync(join(EMBEDDED_MODEL, 'model.safetensors'))
  const { tensors, metadata, dataStart } = parseSafetensors(file).header
  const kept = [...tensors].filter(([name]) => !/layers\.[1-9]/.test(name))
  const named = kept.map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const data = kept.map(([, { begin, end }]) => file.subarray(dataStart + begin, dataStart + end))
  return Buffer.concat([encodeHeader(named, Object.fromEntries(metadata)), ...data])
}
