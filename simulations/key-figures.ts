/** The figures of a simulation that several seeds are compared by, and how two settings differ. */
import { wasteShares } from './accounts.ts'
import type { SimulationResult } from './simulator.ts'
import { type Summary, summaryOf } from './statistics.ts'

/** Shares of the time online, counts, and bytes, by name: the same names for every simulation. */
export type KeyFigures = Readonly<Record<string, number>>

export function keyFiguresOf(result: SimulationResult): KeyFigures {
  const { goodput, goodputMerged, auditShare, rounds, batches, bytes, totals } = result
  return {
    goodput,
    goodputMerged,
    ...wasteShares(totals),
    auditShare,
    rounds,
    batches,
    bytesUp: bytes.up,
    bytesDown: bytes.down,
  }
}

/** @param all of one setting, a seed each */
export function summariesOf(all: readonly KeyFigures[]): Record<string, Summary> {
  const names = Object.keys(all[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, summaryOf(all.map((each) => each[name]!))]))
}

/** What `others` have less `all`, seed by seed: what both owe to a seed is not in it. */
export function differencesOf(
  all: readonly KeyFigures[],
  others: readonly KeyFigures[],
): Record<string, Summary> {
  const differences = others.map((other, index) => {
    const pairs = Object.entries(other).map(([name, value]) => [name, value - all[index]![name]!])
    return Object.fromEntries(pairs) as KeyFigures
  })
  return summariesOf(differences)
}
