/** `barnraise publish RUN`: what strangers check the run by, as a folder or on the Hub. */
import { homedir } from 'node:os'
import { ConfigError } from '../../protocol/index.ts'
import { publishedPage } from '../dashboard/published-page.ts'
import { byteSize } from '../history/figures.ts'
import { hubSettings } from '../hub/settings.ts'
import { type Published, publishRun } from '../run/publish.ts'
import { proofAddress, publishToHub } from '../run/publish-to-hub.ts'
import { type RunFolder, runFolder } from '../run/run-folder.ts'
import { othersCommand, quoted } from './command.ts'
import { printJson, printLine, printTable } from './output.ts'
import { createScreen, type Screen } from './terminal.ts'

export interface PublishCommandOptions {
  out?: string
  hub?: string
  private?: boolean
  force?: boolean
  withHeldOut?: boolean
  json?: boolean
}

export async function publish(run: string, options: PublishCommandOptions): Promise<void> {
  const screen = createScreen(process.stderr)
  const folder = runFolder(run)
  const { out, hub } = options
  if (hub !== undefined) return toHub(folder, hub, options, screen)
  if (out === undefined) {
    throw new ConfigError('Cannot publish as it must be said where: give --out DIR or --hub NAME')
  }
  for (const name of ['private', 'force'] as const) {
    if (options[name]) throw new ConfigError(`Cannot publish as '--${name}' is for --hub alone`)
  }
  const { withHeldOut = false, json } = options
  const page = await publishedPage(folder)
  const how = { out, withHeldOut, page, hear: screen.update }
  const published = await publishRun(folder, how).finally(screen.clear)
  if (json) return printJson(published)
  const { files, bytes } = published
  printTable([
    ['folder', `${out}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`],
    ...whatIsPublished(published, withHeldOut),
  ])
  printLine(
    '\nAny web server can show it, and so can a dataset repository. Whoever has it checks:\n',
  )
  printCheck(out, published)
}

async function toHub(
  folder: RunFolder,
  repository: string,
  options: PublishCommandOptions,
  screen: Screen,
): Promise<void> {
  const { out = null, withHeldOut = false, json } = options
  const settings = await hubSettings(process.env, homedir())
  const published = await publishToHub(folder, {
    repository,
    settings,
    out,
    withHeldOut,
    makePage: () => publishedPage(folder),
    isPrivate: options.private ?? false,
    force: options.force ?? false,
    hear: screen.update,
    onBytes: (done, total) => screen.update(`uploading: ${byteSize(done)} of ${byteSize(total)}`),
  }).finally(screen.clear)
  if (json) return printJson(published)
  const { url, commit, files, bytes } = published
  printTable([
    ['repository', `${url}: ${files} files, ${byteSize(bytes)}`],
    ['commit', commit],
    ...whatIsPublished(published, withHeldOut),
  ])
  printLine('\nWhoever may read it checks:\n')
  printCheck(proofAddress(repository, settings), published)
}

type Named = Pick<Published, 'runId' | 'coordinator'>

function whatIsPublished({ runId, coordinator }: Named, withHeldOut: boolean) {
  return [
    ['run', runId],
    ['coordinator', coordinator],
    ['held-out text', withHeldOut ? 'published, too' : 'kept back'],
  ] as const
}

function printCheck(where: string, { runId, coordinator }: Named): void {
  const trusted = `--run ${runId} --coordinator ${coordinator}`
  printLine(`  ${othersCommand(`verify ${quoted(where)} ${trusted}`)}`)
}
