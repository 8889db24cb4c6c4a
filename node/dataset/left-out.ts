/** How many of something are left out, or worth a word, and which are the first. */

export interface LeftOut {
  count: number
  /** The places of the first, at most `NAMES_MAX`. */
  names: string[]
}

export const NAMES_MAX = 10

export const newLeftOut = (): LeftOut => ({ count: 0, names: [] })

export const leftOutOf = (names: readonly string[]): LeftOut => ({
  count: names.length,
  names: names.slice(0, NAMES_MAX),
})

export function add(all: LeftOut, name: string): void {
  all.count += 1
  if (all.names.length < NAMES_MAX) all.names.push(name)
}

export function join(parts: readonly LeftOut[]): LeftOut {
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    names: parts.flatMap(({ names }) => names).slice(0, NAMES_MAX),
  }
}

/** `rows.jsonl:3, rows.jsonl:9 and 12 more` */
export function listed({ count, names }: LeftOut): string {
  const more = count - names.length
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ')
}
