/** A helping thread in a page. */
import { type HelperData, help } from '../training/help.ts'

addEventListener('message', ({ data }: MessageEvent<HelperData>) => {
  help(data)
  close()
})
