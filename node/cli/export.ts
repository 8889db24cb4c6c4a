/** `barnraise export FOLDER`: the adapter as a PEFT folder. */
import { exportRun } from '../run/export-run.ts'
import { runFolder } from '../run/run-folder.ts'
import { printJson, printTable } from './output.ts'

export interface ExportCommandOptions {
  format: 'peft'
  round?: number
  out?: string
  json?: boolean
}

export async function exportAdapter(root: string, options: ExportCommandOptions): Promise<void> {
  const exported = await exportRun(runFolder(root), {
    round: options.round ?? null,
    out: options.out ?? null,
  })
  if (options.json) return printJson(exported)
  printTable([
    ['folder', exported.folder],
    ['after round', String(exported.round)],
    ['sha256', exported.sha256],
  ])
}
