/** A thread in a page that reads layers of a base as a step comes to them. */
import { type FeederData, feed } from '../../compute/help.ts'
import './report-rejections.ts'
import { openAhead, openWeightBlob } from './weight-blob.ts'

addEventListener('message', async ({ data }: MessageEvent<FeederData>) => {
  await openAhead(data.file)
  feed(data, openWeightBlob)
  close()
})
