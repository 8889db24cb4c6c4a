/**
 * `barnraise service install LINK` and `service host RUN`: each writes the file by which the
 * systemd or launchd of this user starts a volunteer, or the host of a run, at login, and says how
 * to start it now. `service remove` takes it away.
 */

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDone } from '../../coordinator/index.ts'
import { ConfigError } from '../../protocol/index.ts'
import {
  launchAgent,
  type Service,
  systemdUnit,
  unitArgument,
  xmlString,
} from '../guest/service-file.ts'
import { UnreachableError } from '../network/errors.ts'
import { findInvite } from '../network/page-link.ts'
import { openRun } from '../run/open-run.ts'
import { checkRunFolder, readCoordinator, runFolder } from '../run/run-folder.ts'
import { command } from './command.ts'
import { coordinatorKey, folderKey } from './folders.ts'
import { checkHostOptions, type HostOptions } from './host.ts'
import { printJson, printLine } from './output.ts'

/** What says where things are kept; a service has none of the shell's variables. */
const VARIABLES = ['XDG_CACHE_HOME', 'HF_HOME', 'HF_HUB_CACHE', 'HF_ENDPOINT']
/** A host may start a program that makes a tunnel. */
const HOST_VARIABLES = ['PATH', ...VARIABLES]

interface ServiceFile {
  path: string
  text(service: Service): string
  /** A word of the command, as it stands in that text. */
  argument(word: string): string
  /** Commands that start it now, and others that its owner may want. */
  start: readonly string[]
  stop: readonly string[]
}

/** @param args of `join`, as they were given */
export async function install(
  link: string,
  args: readonly string[],
  options: { json?: boolean },
): Promise<void> {
  await write(await volunteerFile(link), 'volunteer', ['join', ...args], options)
  if (options.json) return
  printLine(`How it is doing: \`${command('status')}\``)
  printLine(`To be rid of it: \`${command('service remove LINK')}\``)
}

/**
 * @param folder of a run that was hosted before: it asks nothing more, and has its link
 * @param args of `host`, as they were given
 */
export async function host(
  folder: string,
  args: readonly string[],
  options: HostOptions,
): Promise<void> {
  const run = runFolder(folder)
  checkRunFolder(run)
  if ((await readCoordinator(run)) === null) {
    throw new ConfigError(
      `Cannot install a service for the run in '${folder}' as it must have been hosted once, ` +
        'so that you have its link',
    )
  }
  if (options.stay !== true && isDone((await openRun(run)).state)) {
    throw new ConfigError(
      `Cannot install a service for the run in '${folder}' as it is over, and its host would end ` +
        "at once: give '--stay' to keep its pages",
    )
  }
  checkHostOptions(run, options)
  await write(hostFile(folder), 'host', ['host', ...args], options)
  if (options.json) return
  printLine(`How the run is doing: \`${command(`status ${folder}`)}\``)
  printLine(`To be rid of it: \`${command(`service remove ${folder}`)}\``)
}

async function write(
  file: ServiceFile,
  role: Service['role'],
  args: readonly string[],
  options: { json?: boolean },
): Promise<void> {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const names = role === 'host' ? HOST_VARIABLES : VARIABLES
  const environment = names.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  const text = file.text({
    role,
    command: [process.execPath, ...process.execArgv, main, ...args],
    folder: process.cwd(),
    environment: Object.fromEntries(environment),
  })
  await mkdir(dirname(file.path), { recursive: true })
  // The link in it lets whoever reads it join.
  await rm(file.path, { force: true })
  await writeFile(file.path, text, { mode: 0o600 })
  const { path, start, stop } = file
  if (options.json) return printJson({ path, start, stop })
  printLine(`Wrote ${path}. To start it now, and at each login:`)
  for (const command of start) printLine(`  ${command}`)
}

/** @param which the link of a volunteer, or the folder of a run */
export async function remove(which: string, options: { json?: boolean }): Promise<void> {
  const hosted = hostFile(which)
  const { path, stop } = existsSync(hosted.path) ? hosted : await installedFile(which)
  await rm(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new ConfigError(`Cannot remove the service as it must be installed: there is no ${path}`)
  })
  if (options.json) return printJson({ path, stop })
  printLine(`Removed ${path}. To stop what runs:`)
  for (const command of stop) printLine(`  ${command}`)
}

/** `barnraise-NAME.service` of systemd, `org.barnraise.NAME.plist` of launchd. */
const FILE_NAME = /^(?:barnraise-|org\.barnraise\.)(?<name>.+)\.(?:service|plist)$/

/**
 * That of the volunteer that was installed by this link. Its run may be over and its page gone, so
 * that the files are looked at first, which hold the link.
 * @throws ConfigError when none holds it, and nobody says whose run it is
 */
async function installedFile(link: string): Promise<ServiceFile> {
  const folder = dirname(hostFile('').path)
  for (const entry of existsSync(folder) ? await readdir(folder) : []) {
    const name = FILE_NAME.exec(entry)?.groups?.name
    if (name === undefined) continue
    const file = serviceFile(name, 'join LINK')
    const text = await readFile(file.path, 'utf8')
    if (text.includes(file.argument(link))) return file
  }
  return volunteerFile(link).catch((error: unknown) => {
    if (!(error instanceof UnreachableError)) throw error
    throw new ConfigError(
      `Cannot remove the service as the link must be that of 'service install': no file in ` +
        `${folder} holds it, and nobody there says whose run it is: ${error.message}`,
    )
  })
}

/** One for each run that this machine volunteers for. @throws ConfigError on other systems */
async function volunteerFile(link: string): Promise<ServiceFile> {
  return serviceFile(coordinatorKey((await findInvite(link)).coordinator), 'join LINK')
}

/** One for each folder of a run, which may be gone when it is removed. */
function hostFile(folder: string): ServiceFile {
  return serviceFile(`host-${folderKey(folder)}`, 'host FOLDER')
}

/** @param otherwise what others start by hand */
function serviceFile(name: string, otherwise: string): ServiceFile {
  switch (platform()) {
    case 'linux': {
      const config = process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config')
      const path = join(config, 'systemd', 'user', `barnraise-${name}.service`)
      const unit = basename(path)
      return {
        path,
        text: systemdUnit,
        argument: unitArgument,
        start: [
          'systemctl --user daemon-reload',
          `systemctl --user enable --now ${unit}`,
          'loginctl enable-linger    # also while nobody is logged in',
        ],
        stop: [`systemctl --user disable --now ${unit}`, 'systemctl --user daemon-reload'],
      }
    }
    case 'darwin': {
      const label = `org.barnraise.${name}`
      const path = join(homedir(), 'Library', 'LaunchAgents', `${label}.plist`)
      const log = join(homedir(), 'Library', 'Logs', `${label}.log`)
      return {
        path,
        text: (service) => launchAgent(label, service, log),
        argument: xmlString,
        start: [`launchctl bootstrap gui/$(id -u) '${path}'`],
        stop: [`launchctl bootout gui/$(id -u)/${label}`],
      }
    }
    default:
      throw new ConfigError(
        'Cannot install a service as the system must be Linux or macOS: current value is ' +
          `${platform()}. Elsewhere, let its own scheduler start \`${command(otherwise)}\``,
      )
  }
}
