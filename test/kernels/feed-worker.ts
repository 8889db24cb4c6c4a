/** A thread that reads for feed.test.ts: a layer's number is all there is of it. */
import { workerData } from 'node:worker_threads'
import { type FeedBoard, feedPlace, serveFeed } from '../../kernels/feed.ts'

const { board, places, first, broken } = workerData as {
  board: FeedBoard
  places: Int32Array
  first: number
  broken: number
}

try {
  serveFeed(board, (layer) => {
    if (layer === broken) throw new Error('the disk is gone')
    Atomics.store(places, feedPlace(layer, first), layer)
  })
} catch {
  // Whoever computes is told; what this thread does about it is not under test.
}
