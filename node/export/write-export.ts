/** A takeaway as a folder in the format that was asked for, with a card that says how to use it. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../protocol/digest.ts'
import { writeGguf } from '../model/gguf-write.ts'
import { writePeftAdapter } from '../model/peft.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { ggufLora } from './gguf-lora.ts'
import { modelCard } from './model-card.ts'
import type { ExportFormat, Takeaway } from './takeaway.ts'
import { LORA_FILE } from './usage.ts'

export interface WrittenExport {
  /** The file with the weights, which is written last. */
  path: string
  digest: Digest
}

/** What a tokenizer may consist of; not every model has all of them. */
const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
]
const CARD_FILE = 'README.md'

export async function writeExport(
  format: ExportFormat,
  folder: string,
  takeaway: Takeaway,
): Promise<WrittenExport> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, CARD_FILE), modelCard(format, takeaway))
  const { model, adapter, values, run } = takeaway
  switch (format) {
    case 'peft':
      await copyFiles(takeaway.base.folder, folder, TOKENIZER_FILES)
      return writePeftAdapter(folder, { model, adapterShape: adapter, values, run })
    case 'gguf-lora':
      return writeGguf(join(folder, LORA_FILE), ggufLora(takeaway))
  }
}

async function copyFiles(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) await copyFile(join(from, name), join(to, name)).catch(ignoreMissing)
}
