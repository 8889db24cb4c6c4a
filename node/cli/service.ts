/**
 * `barnraise service install LINK`: writes the file by which this user's systemd or launchd starts
 * a volunteer at login, and says how to start it now. `service remove` takes it away.
 */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { homedir, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../../protocol/index.ts'
import { launchAgent, type Service, systemdUnit } from '../guest/service-file.ts'
import { findInvite } from '../network/page-link.ts'
import { command } from './command.ts'
import { coordinatorKey } from './folders.ts'
import { printJson, printLine } from './output.ts'

/** What says where things are kept; a service has none of the shell's variables. */
const VARIABLES = ['XDG_CACHE_HOME', 'HF_HOME', 'HF_HUB_CACHE', 'HF_ENDPOINT']

interface ServiceFile {
  path: string
  text(service: Service): string
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
  const file = await serviceFile(link)
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const environment = VARIABLES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  const text = file.text({
    command: [process.execPath, ...process.execArgv, main, 'join', ...args],
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
  printLine(`How it is doing: \`${command('status')}\``)
  printLine(`To be rid of it: \`${command('service remove LINK')}\``)
}

export async function remove(link: string, options: { json?: boolean }): Promise<void> {
  const { path, stop } = await serviceFile(link)
  await rm(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new ConfigError(`Cannot remove the service as it must be installed: there is no ${path}`)
  })
  if (options.json) return printJson({ path, stop })
  printLine(`Removed ${path}. To stop what runs:`)
  for (const command of stop) printLine(`  ${command}`)
}

/** One for each run that this machine volunteers for. @throws ConfigError on other systems */
async function serviceFile(link: string): Promise<ServiceFile> {
  const key = coordinatorKey((await findInvite(link)).coordinator)
  switch (platform()) {
    case 'linux': {
      const config = process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config')
      const path = join(config, 'systemd', 'user', `barnraise-${key}.service`)
      const unit = basename(path)
      return {
        path,
        text: systemdUnit,
        start: [
          'systemctl --user daemon-reload',
          `systemctl --user enable --now ${unit}`,
          'loginctl enable-linger    # also while nobody is logged in',
        ],
        stop: [`systemctl --user disable --now ${unit}`, 'systemctl --user daemon-reload'],
      }
    }
    case 'darwin': {
      const label = `org.barnraise.${key}`
      const path = join(homedir(), 'Library', 'LaunchAgents', `${label}.plist`)
      const log = join(homedir(), 'Library', 'Logs', `${label}.log`)
      return {
        path,
        text: (service) => launchAgent(label, service, log),
        start: [`launchctl bootstrap gui/$(id -u) '${path}'`],
        stop: [`launchctl bootout gui/$(id -u)/${label}`],
      }
    }
    default:
      throw new ConfigError(
        'Cannot install a service as the system must be Linux or macOS: current value is ' +
          `${platform()}. Elsewhere, let its own scheduler start \`${command('join LINK')}\``,
      )
  }
}
