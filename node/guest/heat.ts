/**
 * How hot is this machine? Linux says so in files (Documentation/driver-api/thermal/sysfs-api.rst);
 * other systems tell only their administrator.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const ZONES = '/sys/class/thermal'
/** What is beyond is a sensor that is not there. */
const CELSIUS_MIN = 0
const CELSIUS_MAX = 150

/** Degrees Celsius of the hottest zone; null: this machine does not tell. */
export async function readCelsius(folder = ZONES): Promise<number | null> {
  const names = await readdir(folder).catch(() => [])
  const zones = await Promise.all(
    names
      .filter((name) => name.startsWith('thermal_zone'))
      .map((name) =>
        readFile(join(folder, name, 'temp'), 'utf8').then(
          (text) => Number(text) / 1000,
          () => Number.NaN,
        ),
      ),
  )
  const told = zones.filter((celsius) => celsius > CELSIUS_MIN && celsius < CELSIUS_MAX)
  return told.length === 0 ? null : Math.max(...told)
}
