/**
 * `split:` of a dataset: which of its splits, and which rows of that: `train`, `train[:10%]`,
 * `train[10:20]`, `train[-5:]`.
 * Source: datasets, arrow_reader.py, ReadInstruction with the rounding `closest`.
 */

const ROWS = '(?:-?\\d+)?:(?:-?\\d+)?'
const PERCENT = '(?:-?(?:100|\\d{1,2})%)?:(?:-?(?:100|\\d{1,2})%)?'
export const SPLIT_KEY = new RegExp(`^\\w+(?:[.-]\\w+)*(?:\\[(?:${ROWS}|${PERCENT})\\])?$`)
export const DEFAULT_SPLIT = 'train'

export interface Slice {
  from: number | null
  to: number | null
  isPercent: boolean
}

export interface SplitKey {
  name: string
  /** Null: all rows. */
  slice: Slice | null
}

/** @param key as run.yaml has checked it */
export function parseSplit(key: string = DEFAULT_SPLIT): SplitKey {
  const [name = key, from, to] = key.split(/[[:\]]/)
  if (from === undefined || to === undefined) return { name, slice: null }
  return { name, slice: { from: boundary(from), to: boundary(to), isPercent: key.includes('%') } }
}

const boundary = (text: string): number | null => (text === '' ? null : Number.parseInt(text, 10))

/** The rows of a slice of `count`: from the first on, up to the second. */
export function rangeOf({ from, to, isPercent }: Slice, count: number): [from: number, to: number] {
  const place = (boundary: number | null, open: number): number => {
    if (boundary === null) return open
    const at = isPercent ? roundHalfEven((boundary * count) / 100) : boundary
    return at < 0 ? Math.max(count + at, 0) : Math.min(Math.abs(at), count)
  }
  const first = place(from, 0)
  return [first, Math.max(first, place(to, count))]
}

/** Python's `round`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
