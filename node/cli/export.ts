/** `barnraise export FOLDER`: what the run made, in the format of another program. */
import type { DtypeName, ExportFormat } from '../export/formats.ts'
import { type Exported, exportRun } from '../run/export-run.ts'
import { runFolder } from '../run/run-folder.ts'
import { printJson, printTable } from './output.ts'
import { roundWords } from './round-words.ts'

export interface ExportCommandOptions {
  format: ExportFormat
  round?: number
  out?: string
  dtype?: DtypeName
  json?: boolean
}

export async function exportAdapter(root: string, options: ExportCommandOptions): Promise<void> {
  const { format, round, out, dtype, json } = options
  const exported = await exportRun(runFolder(root), {
    format,
    round: round ?? null,
    out: out ?? null,
    dtype: dtype ?? null,
  })
  if (json) return printJson(exported)
  printTable([
    ['folder', exported.folder],
    ['adapter', roundWords(exported, round === undefined)],
    ['weights', exported.weights],
    ...roundingRows(exported),
    ['sha256', `${exported.sha256}, of its file`],
  ])
}

/** What the merged matrices lost where they became blocks. */
export function roundingRows({
  rounding,
  variant,
}: Pick<Exported, 'rounding' | 'variant'>): [string, string][] {
  if (rounding === undefined) return []
  const { ofWeights, ofLearned } = rounding
  // No GGUF beside the base holds magnitudes.
  const exact = variant === 'dora' ? "'--dtype f32'" : "'--format gguf-lora', beside the base,"
  const advice = ofLearned < SEEN ? '' : `; ${exact} loses nothing`
  return [
    ['rounded off', `${percent(ofWeights)} of the merged weights (relative RMS)`],
    ['that is', `${percent(ofLearned)} of what was learned${advice}`],
  ]
}

/** So much less of what was learned is seen in answers. */
const SEEN = 0.1

const percent = (part: number): string => `${Number((100 * part).toPrecision(2))} %`
