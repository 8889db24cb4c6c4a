/**
 * Many deltas into one, without their extremes: in each coordinate a tenth of the weight is left
 * out at either end, so that who lies with less than that share of a round moves nothing further
 * than honest contributions do.
 * Source: Yin et al. 2018, Byzantine-Robust Distributed Learning, §4, here with weights.
 *
 * A column needs all of its values at a time, so the coordinates are worked through in ranges for
 * which the encoded deltas of all contributions fit into memory; the caller gives all payloads once
 * for each range. The sums run in the order of values, and rows are in the order of their weights,
 * so that the result does not depend on the order of the contributions.
 */
import type { Arena } from './arena.ts'
import { type Codec, decodeRange, encodedBytes, encodedRange, RANGE_MULTIPLE } from './compress.ts'
import { type Ops, trimmedWorkBytes } from './ops.ts'
import type { Combined, Row } from './row.ts'

/** Share of the weight that is left out at either end. */
const TRIM_SHARE = 1 / 10
/** Encoded deltas in memory at a time. */
const HELD_BYTES_MAX = 2 ** 29
/** Decoded values in linear memory at a time. */
const DECODED_BYTES_MAX = 2 ** 22

/**
 * The weight to leave out at either end: a tenth of all, and at least what the heaviest one has, so
 * that of few contributions no single one is believed at an extreme; but a third of all is kept. Of
 * three that weigh the same the one in the middle is left, of two or one the mean.
 */
export function trimOf(weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const heaviest = weights.reduce((most, weight) => Math.max(most, weight), 0)
  return Math.max(total * TRIM_SHARE, Math.min(heaviest, total / 3))
}

export function openTrimmed(
  ops: Ops,
  arena: Arena,
  { codec, count }: { codec: Codec; count: number },
  rows: readonly Row[],
  heldBytesMax = HELD_BYTES_MAX,
): Combined {
  const places = placesOf(rows)
  const sorted = places.map((row) => rows[row]!)
  const placeOf = new Map(places.map((row, place) => [row, place]))
  const mean = new Float32Array(count)
  const perPass = scalarsPerPass(codec, count, rows.length, heldBytesMax)
  const passes = Math.ceil(count / perPass)
  const held: Uint8Array[] = []
  let pass = 0
  let added = 0
  return {
    passes,
    add: (deltas) => {
      const first = pass * perPass
      const n = Math.min(perPass, count - first)
      for (const bytes of deltas) {
        held[placeOf.get(added)!] = encodedRange({ codec, bytes, count }, first, n)
        added += 1
      }
      if (added < rows.length || rows.length === 0) return
      mean.set(trimmedRange(ops, arena, codec, held, sorted, n), first)
      pass += 1
      added = 0
    },
    close: () => {
      if (rows.length === 0) return null
      if (pass < passes) throw new Error(`Invariant broken: ${pass} of ${passes} passes are made`)
      return mean
    },
  }
}

/** The contributions by weight, those that weigh the same by clip, then in their own order. */
function placesOf(rows: readonly Row[]): number[] {
  return rows
    .map((_, row) => row)
    .sort((a, b) => rows[a]!.weight - rows[b]!.weight || rows[a]!.clip - rows[b]!.clip || a - b)
}

function scalarsPerPass(codec: Codec, count: number, rows: number, bytesMax: number): number {
  const rowBytes = bytesMax / Math.max(1, rows)
  if (rowBytes >= encodedBytes(codec, count)) return count
  const scalars = (count * rowBytes) / encodedBytes(codec, count)
  return Math.max(RANGE_MULTIPLE, Math.floor(scalars / RANGE_MULTIPLE) * RANGE_MULTIPLE)
}

/** The mean of `n` coordinates, of which `held` has the encoded values row by row. */
function trimmedRange(
  ops: Ops,
  arena: Arena,
  codec: Codec,
  held: readonly Uint8Array[],
  rows: readonly Row[],
  n: number,
): Float32Array {
  const K = rows.length
  const atOnce = Math.max(
    RANGE_MULTIPLE,
    Math.floor(DECODED_BYTES_MAX / (4 * K * RANGE_MULTIPLE)) * RANGE_MULTIPLE,
  )
  const mark = arena.mark()
  const place = (name: string, values: readonly number[]) => {
    const at = arena.allocate(name, 8 * K)
    new Float64Array(ops.memory.buffer, at, K).set(values)
    return at
  }
  const weights = rows.map(({ weight }) => weight)
  const at = {
    clips: place(
      'clips',
      rows.map(({ clip }) => clip),
    ),
    weights: place('weights', weights),
    parts: place(
      'parts',
      rows.map(({ isSummed }) => Number(isSummed)),
    ),
    work: arena.allocate('sorted rows', trimmedWorkBytes(K)),
    x: arena.allocate('values', 4 * K * Math.min(atOnce, n)),
    y: arena.allocate('mean', 4 * n),
  }
  const trim = trimOf(weights)
  for (let first = 0; first < n; first += atOnce) {
    const width = Math.min(atOnce, n - first)
    held.forEach((bytes, row) => {
      decodeRange(ops, arena, at.x + 4 * width * row, { codec, bytes, count: n }, first, width)
    })
    ops.trimmedMean({ ...at, y: at.y + 4 * first, K, n: width, trim })
  }
  const mean = new Float32Array(ops.memory.buffer, at.y, n).slice()
  arena.release(mark)
  return mean
}
