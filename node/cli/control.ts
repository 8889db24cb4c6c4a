/**
 * `barnraise pause`, `resume`, `finish`, `leave`, and `status` without a run: told to the
 * volunteers on this machine, all of them or one by its process.
 */

import { join } from 'node:path'
import { counted } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import type { ControlRequest, VolunteerStatus } from '../guest/control.ts'
import { askVolunteer, listVolunteers } from '../guest/control-socket.ts'
import { overruleText } from '../guest/explain.ts'
import { byteSize, creditWords } from '../history/figures.ts'
import { command } from './command.ts'
import { CommandFailure } from './failure.ts'
import { cacheFolder } from './folders.ts'
import { printJson, printLine, printTable } from './output.ts'
import { visible } from './terminal.ts'

export interface ControlOptions {
  pid?: number
  json?: boolean
}

/** The folder with the sockets of this user's volunteers. */
export const controlFolder = (): string => join(cacheFolder(), 'control')

/** Tells the volunteers, and shows how they are then. */
export async function control(request: ControlRequest, options: ControlOptions): Promise<void> {
  const statuses = await askAll(request, options.pid)
  if (statuses.length === 0 && request.command !== 'status') {
    const which = options.pid === undefined ? 'no volunteer runs' : `process ${options.pid} is none`
    throw new CommandFailure(
      EXIT.unreachable,
      `${which} here; \`${command('join LINK')}\` starts one`,
    )
  }
  if (options.json) return printJson(statuses)
  for (const status of statuses) printVolunteer(status)
  if (statuses.length === 0) {
    printLine(`No volunteer runs here: \`${command('join LINK')}\` starts one.`)
    printLine(`How a run is doing: \`${command('status LINK')}\`, or the folder of a run.`)
  }
}

async function askAll(request: ControlRequest, pid: number | undefined) {
  const folder = controlFolder()
  const pids = pid === undefined ? await listVolunteers(folder) : [pid]
  const statuses: VolunteerStatus[] = []
  for (const one of pids) {
    const status = await askVolunteer(folder, one, request).catch((error: Error) => {
      throw new CommandFailure(EXIT.failure, `cannot ask process ${one}: ${error.message}`)
    })
    if (status !== null) statuses.push(status)
  }
  return statuses
}

function printVolunteer(status: VolunteerStatus): void {
  const { name, run, way, pid, activity, reasons, pausedUntil, overruled } = status
  const { steps, stepMs, credit, threads, memoryBytesMax, readings } = status
  const until = pausedUntil === null ? '' : `, until ${timeText(new Date(pausedUntil))}`
  const why = reasons.length === 0 ? '' : `: ${reasons.map(({ text }) => text).join('; ')}${until}`
  const speed = stepMs === null ? '' : `, ${Math.round(stepMs)} ms a step`
  printLine(visible(`${name} in ${run ?? 'a run not reached yet'}, process ${pid}`))
  printTable([
    ['  now', `${activity}${why}`],
    ['  way', way ?? 'none yet'],
    ...optional('  to go on', overruleText(reasons), reasons),
    ...optional('  overruled', overruled.join(', '), overruled),
    ['  done', `${counted(steps, 'step')}${speed}`],
    ['  credit', credit === null ? 'not known yet' : creditWords(credit)],
    ['  takes', `${counted(threads, 'core')}, up to ${byteSize(memoryBytesMax)} of memory`],
    ['  moved', `${byteSize(readings.bytes)} today`],
  ])
}

/** A row where there is something to tell. */
function optional(name: string, text: string, of: readonly unknown[]): [string, string][] {
  return of.length === 0 ? [] : [[name, text]]
}

function timeText(date: Date): string {
  return date.toTimeString().slice(0, 5)
}
