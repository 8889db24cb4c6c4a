/** `barnraise update`: whether a newer version is out, looked up by npm, and only when asked. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ConfigError } from '../../protocol/index.ts'
import { VERSION } from '../software.ts'
import { isPackage } from './command.ts'
import { printJson, printLine } from './output.ts'

const LOOK_MS_MAX = 30_000

/** @param packaged whether npm installed it */
export async function update(
  { json }: { json?: boolean },
  packaged: boolean = isPackage,
): Promise<void> {
  const newest = await newestVersion()
  const isNewer = isAfter(newest, VERSION)
  if (json) return printJson({ version: VERSION, newest, isNewer })
  if (!isNewer) return printLine(`${VERSION} is the newest there is`)
  const how = packaged
    ? `npm install barnraise@${newest} (with --global, if it was installed so)`
    : 'git pull && npm ci'
  printLine(`${newest} is out, this is ${VERSION}: ${how}`)
}

/** npm knows where its user gets packages from. @throws ConfigError when it cannot say */
async function newestVersion(): Promise<string> {
  const run = promisify(execFile)
  const asked = run('npm', ['view', 'barnraise', 'version'], {
    timeout: LOOK_MS_MAX,
    // There npm is a script.
    shell: process.platform === 'win32',
  })
  const { stdout } = await asked.catch((error: Error & { code?: string; stderr?: string }) => {
    throw new ConfigError(`Cannot look for a newer version as ${reasonOf(error)}`)
  })
  const [version] = /^\d+\.\d+\.\d+(?=\s*$)/.exec(stdout) ?? []
  if (version !== undefined) return version
  throw new ConfigError('Cannot look for a newer version as npm answers something else')
}

function reasonOf({ code, stderr }: { code?: string; stderr?: string }): string {
  if (code === 'ENOENT') return 'there is no npm on the PATH: it comes with Node'
  if (stderr?.includes('E404')) return 'no version of it is published'
  return `npm did not answer within ${LOOK_MS_MAX / 1000} s, or failed: try \`npm view barnraise\``
}

/** @returns whether a of three numbers comes after b */
function isAfter(a: string, b: string): boolean {
  const [ofA, ofB] = [a, b].map((version) => version.split('.').map(Number))
  const place = ofA!.findIndex((number, i) => number !== ofB![i])
  return place >= 0 && ofA![place]! > ofB![place]!
}
