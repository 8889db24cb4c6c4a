/** The Hub as this user's environment says, with progress on the screen. */
import { homedir } from 'node:os'
import type { Hub } from '../hub/locate.ts'
import { hubSettings } from '../hub/settings.ts'
import { byteSize, type Screen } from './terminal.ts'

export async function hubOf(screen: Screen): Promise<Hub> {
  let last = ''
  return {
    settings: await hubSettings(process.env, homedir()),
    onProgress: (file, done, total) => {
      if (file !== last) screen.print(`Downloading ${file} (${byteSize(total)})`)
      last = file
      const percent = Math.floor((100 * done) / Math.max(1, total))
      screen.update(`${file}: ${byteSize(done)} of ${byteSize(total)}, ${percent} %`)
      if (done === total) screen.clear()
    },
  }
}
