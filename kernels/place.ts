/** Who gives out regions of the linear memory, and how large they are together. */
import { align } from './arena.ts'
import { FEED_PLACES, feedPlace } from './feed.ts'
import type { Pointer } from './ops.ts'

/** Returns where `bytes` are to live: a multiple of 64. Names are unique. */
export type Place = (name: string, bytes: number) => Pointer

/** Gives out regions from `start` on, as an arena does that nobody else uses. */
export function placeFrom(start: Pointer): Place {
  let top = start
  return (_name, bytes) => {
    const at = top
    top += align(bytes)
    return at
  }
}

/**
 * Who places what of a layer: `place` itself below layer `first`. From there on up to `count` the
 * layers share FEED_PLACES regions by turns, each as large as the largest layer that comes there.
 * @param placeLayer places all of a layer
 */
export function placeByTurns(
  first: number,
  count: number,
  place: Place,
  placeLayer: (layer: number, place: Place) => void,
): (layer: number) => Place {
  const sizes = new Array<number>(FEED_PLACES).fill(0)
  for (let layer = first; layer < count; layer++) {
    const at = feedPlace(layer, first)
    sizes[at] = Math.max(
      sizes[at]!,
      bytesOf((own) => placeLayer(layer, own)),
    )
  }
  const regions = sizes.map((bytes, index) => place(`streamed.${index}`, bytes))
  return (layer) => (layer < first ? place : placeFrom(regions[feedPlace(layer, first)]!))
}

/** What all that is placed takes together. */
export function bytesOf(placeAll: (place: Place) => void): number {
  let bytes = 0
  placeAll((_name, size) => {
    bytes += align(size)
    return 0
  })
  return bytes
}

/** The first of so many ways that fits, or the last: each takes less than the one before. */
export function firstFitting(
  count: number,
  bytesOf: (way: number) => number,
  bytesMax: number,
): number {
  // What is asked for the most fits at once.
  if (bytesOf(0) <= bytesMax) return 0
  let [first, last] = [Math.min(1, count - 1), count - 1]
  while (first < last) {
    const middle = Math.floor((first + last) / 2)
    if (bytesOf(middle) <= bytesMax) last = middle
    else first = middle + 1
  }
  return first
}
