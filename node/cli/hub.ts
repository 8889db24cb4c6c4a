/** The Hub as this user's environment says, with progress on the screen. */

import { homedir } from 'node:os'
import { byteSize } from '../history/figures.ts'
import type { Hub } from '../hub/locate.ts'
import { hubSettings } from '../hub/settings.ts'
import { cacheFolder, conversionsFolder } from './folders.ts'
import { clockTime, type Screen } from './terminal.ts'

export async function hubOf(screen: Screen): Promise<Hub> {
  let last = ''
  let start = { at: 0, done: 0 }
  return {
    settings: await hubSettings(process.env, homedir()),
    onProgress: (file, done, total) => {
      const at = performance.now()
      if (file !== last) {
        screen.print(`Downloading ${file} (${byteSize(total)})`)
        start = { at, done }
      }
      last = file
      const percent = Math.floor((100 * done) / Math.max(1, total))
      const bytesPerMs = (done - start.done) / (at - start.at)
      // Of a first piece there is no speed.
      const left = bytesPerMs > 0 ? (total - done) / bytesPerMs / 1000 : null
      const time = left === null || !Number.isFinite(left) ? '' : `, ${clockTime(left)} left`
      screen.update(`${file}: ${byteSize(done)} of ${byteSize(total)}, ${percent} %${time}`)
      if (done === total) screen.clear()
    },
    conversions: {
      folder: conversionsFolder(cacheFolder()),
      onProgress: (done, total) => {
        if (done === 0) screen.print(`Storing the base in 4 bits (${byteSize(total)})`)
        const percent = Math.floor((100 * done) / total)
        screen.update(`in 4 bits: ${byteSize(done)} of ${byteSize(total)}, ${percent} %`)
        if (done === total) screen.clear()
      },
    },
  }
}
