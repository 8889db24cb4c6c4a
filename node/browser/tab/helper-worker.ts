/** A helping thread in a page. */
import { type HelperData, help } from '../../compute/help.ts'
import './report-rejections.ts'

addEventListener('message', ({ data }: MessageEvent<HelperData>) => {
  help(data)
  close()
})
