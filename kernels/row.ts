/** A contribution that counts, as one of the rows that become one. */
export interface Row {
  weight: number
  clip: number
  /** false: it is weighed, but not summed. */
  isSummed: boolean
}

/** What the rows add up to, in progress. */
export interface Combined {
  /** How often all deltas are to be added. */
  readonly passes: number
  /**
   * The next deltas, as many at a time as the caller likes to hold: of a trimmed mean those of all
   * rows in order, of a mean those that are summed.
   */
  add(deltas: readonly Uint8Array[]): void
  /** The mean, rounded to float32 once; null when nothing was weighed. Gives the memory back. */
  close(): Float32Array | null
}
