/** A takeaway as a folder in the format that was asked for, with a card that says how to use it. */

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { copyCompanions } from '../model/base-model.ts'
import { TEMPLATE_FILE } from '../model/chat-template.ts'
import { writeGguf } from '../model/gguf-write.ts'
import { writePeftAdapter } from '../model/peft.ts'
import { rowNormsOf } from '../model/row-norms.ts'
import { openWeights } from '../model/weight-file.ts'
import { makeFolder } from '../storage/file-system.ts'
import { DTYPE_NAMES, DTYPES, type DtypeName, type ExportFormat } from './formats.ts'
import { ggufLora } from './gguf-lora.ts'
import { writeMergedFolder } from './merged-folder.ts'
import { writeBaseGguf, writeMergedGguf } from './merged-gguf.ts'
import { modelCard } from './model-card.ts'
import { writeStops } from './stops.ts'
import type { Takeaway, WrittenModel } from './takeaway.ts'
import { LORA_FILE, MODEL_FILE } from './usage.ts'

/** The model card. */
export const CARD_FILE = 'README.md'

/** The file by which a folder shows that it holds a format, which no other format has. */
export const MARKS: Readonly<Record<ExportFormat, string>> = {
  peft: 'adapter_config.json',
  'gguf-lora': LORA_FILE,
  merged: 'config.json',
  'merged-gguf': MODEL_FILE,
}

export interface ExportTarget {
  format: ExportFormat
  folder: string
  /** Null: the base's own in a folder, float16 in a GGUF. An adapter is float32. */
  dtype: DtypeName | null
  /** The address of what the run published, for the card. */
  proof?: string | undefined
  /** Ends it between two pieces of a file. */
  signal?: AbortSignal | undefined
}

/**
 * @throws ConfigError for a dtype that the format has not, ModelError for a base that it cannot be
 *   made of.
 */
export async function writeExport(target: ExportTarget, takeaway: Takeaway): Promise<WrittenModel> {
  const { format, folder, proof } = target
  const write = WRITERS[format]
  const written = await write(target, takeaway)
  const hasTemplate = existsSync(join(folder, TEMPLATE_FILE))
  const card = modelCard(format, { ...takeaway, ...written, hasTemplate, proof })
  await writeFile(join(folder, CARD_FILE), card)
  return written
}

type Writer = (target: ExportTarget, takeaway: Takeaway) => Promise<WrittenModel>

const WRITERS: Readonly<Record<ExportFormat, Writer>> = {
  async peft(target, takeaway) {
    typeOf(target, ['f32'])
    await makeFolder(target.folder)
    await copyCompanions(takeaway.base.folder, target.folder)
    await writeStops(takeaway.base.folder, target.folder)
    const { base, model } = takeaway
    const opened = openWeights(base.weights, model)
    const adapter = { ...takeaway, rowNorms: rowNormsOf(model, opened) }
    const written = await writePeftAdapter(target.folder, adapter).finally(opened.close)
    return { ...written, weights: 'F32' }
  },
  async 'gguf-lora'(target, takeaway) {
    typeOf(target, ['f32'])
    refuseMagnitudes(takeaway)
    await makeFolder(target.folder)
    // The base's own GGUF may have another template than the run, or none.
    await copyCompanions(takeaway.base.folder, target.folder, [TEMPLATE_FILE])
    if (takeaway.run.base.file === 'blocks') {
      await writeBaseGguf(target.folder, takeaway, target.signal)
    }
    const written = await writeGguf(
      join(target.folder, LORA_FILE),
      ggufLora(takeaway),
      target.signal,
    )
    return { ...written, weights: 'F32' }
  },
  async merged(target, takeaway) {
    const type = typeOf(target, ['f32', 'f16', 'bf16', 'base'])
    await makeFolder(target.folder)
    await copyCompanions(takeaway.base.folder, target.folder)
    await writeStops(takeaway.base.folder, target.folder)
    const wanted = type === 'base' ? null : type
    return writeMergedFolder(target.folder, takeaway, wanted, target.signal)
  },
  async 'merged-gguf'(target, takeaway) {
    const type = typeOf(target, DTYPE_NAMES) ?? 'F16'
    await makeFolder(target.folder)
    return writeMergedGguf(target.folder, takeaway, type, target.signal)
  },
}

/** llama.cpp adds s·B·A to a product, and knows nothing that scales it. */
function refuseMagnitudes({ adapter }: Takeaway): void {
  if (adapter.variant !== 'dora') return
  throw new ConfigError(
    "Cannot write 'gguf-lora' as llama.cpp's adapters hold A and B alone, and this one has " +
      "magnitudes (peft_use_dora): export '--format merged-gguf', or 'peft'",
  )
}

function typeOf<T extends DtypeName>(
  { format, dtype }: ExportTarget,
  allowed: readonly T[],
): (typeof DTYPES)[T] | null {
  if (dtype === null) return null
  const name = allowed.find((known) => known === dtype)
  if (name !== undefined) return DTYPES[name]
  throw new ConfigError(
    `Cannot write '${format}' as 'dtype' must be ${allowed.join(' or ')}: ` +
      `current value is ${dtype}`,
  )
}
