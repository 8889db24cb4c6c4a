/** Deadlines are data: a time in milliseconds, or null where nothing is due. */

/** The first of those that there are. */
export function earliest(...deadlines: readonly (number | null)[]): number | null {
  let first: number | null = null
  for (const deadline of deadlines) {
    if (deadline !== null && (first === null || deadline < first)) first = deadline
  }
  return first
}
