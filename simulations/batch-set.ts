/** A set of batches, a bit each: obvious, so that it may judge the ledger's ranges. */
export interface BatchSet {
  readonly size: number
  /** False when one of them was there already. */
  addAll(first: number, count: number): boolean
  hasAny(first: number, count: number): boolean
  /** False when one of them was not there. */
  removeAll(first: number, count: number): boolean
}

export function createBatchSet(): BatchSet {
  let bits = new Uint8Array(64)
  let size = 0

  const has = (batch: number): boolean => ((bits[batch >>> 3] ?? 0) & (1 << (batch & 7))) !== 0

  function add(batch: number): boolean {
    if (has(batch)) return false
    const byte = batch >>> 3
    if (byte >= bits.length) {
      const grown = new Uint8Array(2 * byte)
      grown.set(bits)
      bits = grown
    }
    bits[byte]! |= 1 << (batch & 7)
    size += 1
    return true
  }

  function remove(batch: number): boolean {
    if (!has(batch)) return false
    bits[batch >>> 3]! &= ~(1 << (batch & 7))
    size -= 1
    return true
  }

  return {
    get size() {
      return size
    },
    addAll: (first, count) => {
      let isNew = true
      for (let batch = first; batch < first + count; batch++) isNew = add(batch) && isNew
      return isNew
    },
    hasAny: (first, count) => {
      for (let batch = first; batch < first + count; batch++) if (has(batch)) return true
      return false
    },
    removeAll: (first, count) => {
      let areThere = true
      for (let batch = first; batch < first + count; batch++) areThere = remove(batch) && areThere
      return areThere
    },
  }
}
