/**
 * Does this machine run on its battery? Linux says so in files (Documentation/ABI/testing/
 * sysfs-class-power), macOS through `pmset`, Windows through its class Win32_Battery; other systems
 * are not asked.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const POWER_SUPPLIES = '/sys/class/power_supply'
const PROGRAM_MS_MAX = 5_000
const WINDOWS_QUERY = '(Get-CimInstance Win32_Battery).BatteryStatus'

/** null: this machine does not tell, or has no battery. */
export async function readBattery(): Promise<boolean | null> {
  switch (platform()) {
    case 'linux':
      return batteryOf(POWER_SUPPLIES)
    case 'darwin':
      return batteryIn(await outputOf('pmset', ['-g', 'batt']))
    case 'win32':
      return batteryByStatus(
        await outputOf('powershell', ['-NoProfile', '-Command', WINDOWS_QUERY]),
      )
    default:
      return null
  }
}

/** Empty where the program is not there, fails or takes too long. */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  return promisify(execFile)(program, args, { timeout: PROGRAM_MS_MAX }).then(
    ({ stdout }) => stdout,
    () => '',
  )
}

/**
 * Whether Linux's folder of power supplies tells of a discharging battery of the machine's own, not
 * a mouse's.
 */
export async function batteryOf(folder: string): Promise<boolean | null> {
  const names = await readdir(folder).catch(() => [])
  const supplies = await Promise.all(
    names.map(async (name) => {
      const read = (file: string) =>
        readFile(join(folder, name, file), 'utf8').then(
          (text) => text.trim(),
          () => '',
        )
      return { type: await read('type'), status: await read('status'), scope: await read('scope') }
    }),
  )
  const own = supplies.filter(({ type, scope }) => type === 'Battery' && scope !== 'Device')
  if (own.length === 0) return null
  return own.some(({ status }) => status === 'Discharging')
}

/** Whether `pmset -g batt`, whose first line says where the power comes from, names the battery. */
export function batteryIn(text: string): boolean | null {
  const [, source] = /drawing from '(\w+) Power'/.exec(text) ?? []
  return source === undefined ? null : source === 'Battery'
}

/** Whether a battery of Windows discharges, from its BatteryStatus, a line each: 1 says so. */
export function batteryByStatus(text: string): boolean | null {
  const statuses = text.split(/\s+/).filter((word) => /^\d+$/.test(word))
  return statuses.length === 0 ? null : statuses.includes('1')
}
