/** `barnraise backup RUN DIR`: a copy of a run that goes on, from which it can go on elsewhere. */
import { byteSize } from '../history/figures.ts'
import { backUp } from '../run/backup.ts'
import { runFolder } from '../run/run-folder.ts'
import { command, quoted } from './command.ts'
import { printJson, printLine } from './output.ts'
import { createScreen } from './terminal.ts'

export async function backup(
  run: string,
  out: string,
  { json }: { json?: boolean },
): Promise<void> {
  const screen = createScreen(process.stderr)
  const made = await backUp(runFolder(run), out, screen.update).finally(screen.clear)
  if (json) return printJson(made)
  const { folder, blobs, bytes, round, batches } = made
  printLine(
    `${folder} has the run after ${round} rounds and ${batches} batches: ` +
      `${blobs} files were new, ${byteSize(bytes)}`,
  )
  printLine('\nIt goes on from there, where it is hosted no longer here:\n')
  printLine(`  ${command(`host ${quoted(folder)}`)}`)
}
