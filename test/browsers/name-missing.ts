/** Says before the tests which browsers are not here: their tests fail, with the same words. */
import { BROWSERS } from './browsers.ts'

export function setup(): void {
  for (const { browser } of BROWSERS) {
    const advice = browser.missing()
    if (advice !== null) process.stdout.write(`${browser.name} is not here: ${advice}\n`)
  }
}
