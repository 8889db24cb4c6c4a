/** The path of the system's Chromium. */
import { existsSync } from 'node:fs'

const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** @throws Error when there is none */
export function chromiumPath(): string {
  const path = PLACES.find((place) => place !== undefined && existsSync(place))
  if (path !== undefined) return path
  throw new Error('Cannot find Chromium: install it, or name it in the variable CHROMIUM')
}
