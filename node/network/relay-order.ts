/**
 * A host names the relays that have a place for it before those that are lost. One that is back
 * stays behind, so that what was given away does not go to and fro.
 */

export interface RelayOrder {
  /** All of them. */
  all(): readonly string[]
  /** Those that pages are given away through: all that are not lost, or all where each is. */
  leading(): readonly string[]
  /** @returns whether another leads now */
  note(relay: string, isLost: boolean): boolean
}

export function createRelayOrder(relays: readonly string[]): RelayOrder {
  let order = relays
  const lost = new Set<string>()
  const holding = () => order.filter((relay) => !lost.has(relay))
  return {
    all: () => order,
    leading: () => (holding().length === 0 ? order : holding()),
    note: (relay, isLost) => {
      const [before] = order
      if (isLost) lost.add(relay)
      else lost.delete(relay)
      if (before !== undefined && lost.has(before) && holding().length > 0) {
        order = [...holding(), ...order.filter((one) => lost.has(one))]
      }
      return order[0] !== before
    },
  }
}
