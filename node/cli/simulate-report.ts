/** The report of a simulation, as files in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, counted } from '../../protocol/index.ts'
import {
  figuresCsv,
  figuresOf,
  type Made,
  reportPage,
  type SimulationResult,
} from '../../simulations/index.ts'
import { ignoreMissing, makeFolder } from '../storage/file-system.ts'
import { isPackage } from './command.ts'
import type { Printer } from './output.ts'
import { SWEEP_FILES } from './simulate-sweep.ts'

const CLONE = join(import.meta.dirname, '../..')
const REPORT_FILES: readonly string[] = ['figures.csv', 'figures.json', 'index.html']

interface Asked {
  out?: string
  compare?: string[]
  sweep?: string[]
}

/** @throws ConfigError where a report would lie among what is none */
export async function checkReportFolders({ out, compare, sweep }: Asked): Promise<void> {
  if (out === undefined) return
  const ours = sweep === undefined ? REPORT_FILES : SWEEP_FILES
  const folders = compare?.map((_, index) => join(out, String(index + 1))) ?? [out]
  for (const folder of folders) {
    const found = ((await readdir(folder).catch(ignoreMissing)) ?? []).sort()
    const strange = found.find((name) => !ours.includes(name))
    if (strange === undefined) continue
    throw new ConfigError(
      `Cannot write the report to '${folder}' as it holds other things (${strange}): give a new ` +
        'folder, or that of an earlier report',
    )
  }
}

export async function writeReport(
  out: string,
  { result, made }: { result: SimulationResult; made: Made },
  print: Printer,
): Promise<void> {
  const figures = figuresOf(result, made)
  const { crowd, trace } = made
  const who =
    crowd === null
      ? `the trace ${trace!.file}`
      : `${counted(crowd.volunteers, 'volunteer')}, ${crowd.preset}`
  const folder = resolve(out)
  await makeFolder(folder)
  await writeFile(join(folder, 'index.html'), reportPage(figures, `Simulated: ${who}`))
  await writeFile(join(folder, 'figures.json'), `${JSON.stringify(figures, null, 1)}\n`)
  await writeFile(join(folder, 'figures.csv'), figuresCsv(figures))
  print.line(`The report is in ${folder}`)
}

/** The commit of the clone that this runs from; null: it is a package, or git does not know. */
export function commitOf(): string | null {
  // What lies in somebody else's clone is not told by its commit.
  if (isPackage || !existsSync(join(CLONE, '.git'))) return null
  const words = ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
  const { status, stdout } = spawnSync('git', words, { cwd: CLONE, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}
