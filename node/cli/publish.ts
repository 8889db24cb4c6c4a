/** `barnraise publish RUN -o DIR`: a folder by which strangers check the run. */
import { publishedPage } from '../dashboard/published-page.ts'
import { publishRun } from '../run/publish.ts'
import { runFolder } from '../run/run-folder.ts'
import { othersCommand, quoted } from './command.ts'
import { printJson, printLine, printTable } from './output.ts'
import { createScreen } from './terminal.ts'

export interface PublishCommandOptions {
  out: string
  withHeldOut?: boolean
  json?: boolean
}

export async function publish(run: string, options: PublishCommandOptions): Promise<void> {
  const { out, withHeldOut = false, json } = options
  const screen = createScreen(process.stderr)
  const folderOfRun = runFolder(run)
  const page = await publishedPage(folderOfRun)
  const how = { out, withHeldOut, page, hear: screen.update }
  const published = await publishRun(folderOfRun, how).finally(screen.clear)
  if (json) return printJson(published)
  const { runId, coordinator, files, bytes, folder } = published
  printTable([
    ['folder', `${folder}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`],
    ['run', runId],
    ['coordinator', coordinator],
    ['held-out text', withHeldOut ? 'published, too' : 'kept back'],
  ])
  const trusted = `--run ${runId} --coordinator ${coordinator}`
  printLine(
    '\nAny web server can show it, and so can a dataset repository. Whoever has it checks:\n',
  )
  printLine(`  ${othersCommand(`verify ${quoted(folder)} ${trusted}`)}`)
}
