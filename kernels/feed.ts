/**
 * A base that is larger than the memory: the matrices of its last layers lie in two places by
 * turns, and are read when a step comes to them. While one layer is computed, the next is read, by
 * a thread of its own where threads share memory, and at once by whoever computes where they do
 * not. A step goes up through the layers and down again, so both places hold what it turns with.
 *
 * The two sides share a board: which layer each place is wanted for, and which it holds. A place is
 * asked for another layer only when it holds the one that was asked for before, so that whoever
 * reads never writes to a place that is computed with.
 */
import { newSharedBytes } from './arena.ts'

/** How many places streamed layers share. */
export const FEED_PLACES = 2

export interface Feed {
  /**
   * Returns when the matrices of `layer` lie in their place, and has those of `next` begun, which
   * is a neighbour of it; null: it is not known which comes next.
   */
  need(layer: number, next: number | null): void
}

/** Cells: what is wanted in each place, what each holds, then two of the board's own. */
const WANTED = 0
const HELD = FEED_PLACES
const SIGNAL = 2 * FEED_PLACES
const CLOSED = SIGNAL + 1
const CELLS = SIGNAL + 2
const NONE = -1
/** What each place holds once a layer could not be read. */
const BROKEN = -2
/** Whoever reads died without a word, or its disk did. */
const WAIT_MS = 600_000

export type FeedBoard = SharedArrayBuffer

export function newFeedBoard(): FeedBoard {
  const board = newSharedBytes(4 * CELLS)
  cellsOf(board).fill(NONE, 0, SIGNAL)
  return board
}

/** The place of a layer, of those from `first` on that are streamed. */
export function feedPlace(layer: number, first: number): number {
  return (layer - first) % FEED_PLACES
}

/** How many of so many layers may be streamed, from none: two have a place each anyway. */
export function streamedCounts(layerCount: number): number[] {
  const counts = Array.from({ length: layerCount + 1 }, (_, count) => count)
  return counts.filter((count) => count === 0 || count > FEED_PLACES)
}

/** Whoever computes reads for itself. `load` brings a layer to its place. */
export function feedOf(first: number, load: (layer: number) => void): Feed {
  const held = new Array<number>(FEED_PLACES).fill(NONE)
  return {
    need(layer) {
      if (layer < first || held[feedPlace(layer, first)] === layer) return
      // A load that fails leaves neither the one nor the other.
      held[feedPlace(layer, first)] = NONE
      load(layer)
      held[feedPlace(layer, first)] = layer
    },
  }
}

/** The side that computes. @throws Error when the layer cannot be read */
export function sharedFeed(board: FeedBoard, first: number): Feed {
  const cells = cellsOf(board)
  const want = (layer: number) => {
    const place = feedPlace(layer, first)
    const before = Atomics.load(cells, WANTED + place)
    if (before === layer) return
    waitFor(cells, place, before)
    Atomics.store(cells, WANTED + place, layer)
    Atomics.add(cells, SIGNAL, 1)
    Atomics.notify(cells, SIGNAL)
  }
  return {
    need(layer, next) {
      if (layer >= first) {
        want(layer)
        waitFor(cells, feedPlace(layer, first), layer)
      }
      if (next !== null && next >= first) want(next)
    },
  }
}

function waitFor(cells: Int32Array, place: number, layer: number): void {
  for (;;) {
    const held = Atomics.load(cells, HELD + place)
    if (held === layer) return
    if (held === BROKEN) throw new Error('A layer of the base cannot be read')
    if (Atomics.wait(cells, HELD + place, held, WAIT_MS) === 'timed-out') {
      throw new Error(`Layer ${layer} of the base was not read within ${WAIT_MS / 60_000} minutes`)
    }
  }
}

/** The side that reads, until the board is closed. @throws what `load` does, once it is told. */
export function serveFeed(board: FeedBoard, load: (layer: number) => void): void {
  const cells = cellsOf(board)
  for (;;) {
    const signal = Atomics.load(cells, SIGNAL)
    for (let place = 0; place < FEED_PLACES; place++) {
      const layer = Atomics.load(cells, WANTED + place)
      if (layer === Atomics.load(cells, HELD + place)) continue
      try {
        load(layer)
        tell(cells, place, layer)
      } catch (error) {
        for (let each = 0; each < FEED_PLACES; each++) tell(cells, each, BROKEN)
        throw error
      }
    }
    if (Atomics.load(cells, CLOSED) !== 0) return
    Atomics.wait(cells, SIGNAL, signal)
  }
}

/** Whoever begins to wait just then finds another value than before, and does not. */
function tell(cells: Int32Array, place: number, held: number): void {
  Atomics.store(cells, HELD + place, held)
  Atomics.notify(cells, HELD + place)
}

/** Lets `serveFeed` return. */
export function closeFeed(board: FeedBoard): void {
  const cells = cellsOf(board)
  Atomics.store(cells, CLOSED, 1)
  Atomics.add(cells, SIGNAL, 1)
  Atomics.notify(cells, SIGNAL)
}

function cellsOf(board: FeedBoard): Int32Array {
  return new Int32Array(board, 0, CELLS)
}
