/** `barnraise export FOLDER`: what the run made, in the format of another program. */
import type { DtypeName, ExportFormat } from '../export/formats.ts'
import { exportRun } from '../run/export-run.ts'
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
    ['sha256', `${exported.sha256}, of its file`],
  ])
}
