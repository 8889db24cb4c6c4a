/**
 * The file to which launchd writes what a service says: it only ever appends to it, so the service
 * itself keeps it small. What is longer than the bound is moved to one older file, and the file is
 * made empty in place, since launchd holds it open.
 */
import { closeSync, fstatSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs'

/** The variable by which launchd tells a service which file that is. */
export const LOG_VARIABLE = 'BARNRAISE_SERVICE_LOG'

/** Some ten thousand lines; with the older file, twice as much is kept. */
export const LOG_BYTES_MAX = 2 ** 20
const LOOK_MS = 10_000

/**
 * Looks now and then at the file, as long as the process lives.
 * @param say is told why it cannot be kept small, once
 */
export function boundLog(
  path: string,
  say: (line: string) => void,
  { bytesMax = LOG_BYTES_MAX, everyMs = LOOK_MS } = {},
): void {
  const look = () => {
    try {
      keepSmall(path, bytesMax)
    } catch (error) {
      clearInterval(timer)
      say(`The log ${path} is not kept small any more: ${(error as Error).message}`)
    }
  }
  const timer = setInterval(look, everyMs).unref()
  look()
}

/** Nothing is written in between, as all of it is one turn of the thread that writes. */
function keepSmall(path: string, bytesMax: number): void {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size <= bytesMax) return
    const newest = Buffer.alloc(bytesMax)
    const count = readSync(file, newest, 0, bytesMax, size - bytesMax)
    // It may hold names and addresses.
    writeFileSync(`${path}.1`, newest.subarray(0, count), { mode: 0o600 })
    truncateSync(path)
  } finally {
    closeSync(file)
  }
}
