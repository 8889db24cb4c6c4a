/** A thread in a page that reads layers of a base as a step comes to them. */
import { type FeederData, feed } from '../../compute/help.ts'
import './report-rejections.ts'
import { openWeightBlob } from './weight-blob.ts'

addEventListener('message', ({ data }: MessageEvent<FeederData>) => {
  feed(data, openWeightBlob)
  close()
})
