/** The compute thread of a page that is measured: milliseconds in, tokens a second out. */
import { openTraining } from './training-rate.ts'

const fetched = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer())

const [kernels, weights] = await Promise.all([fetched('/kernels.wasm'), fetched('/weights')])
const measure = openTraining(kernels, weights, () => performance.now())

addEventListener('message', ({ data }: MessageEvent<number>) => postMessage(measure(data)))
// A message that comes while the kernels are fetched would find nobody listening.
postMessage('ready')
