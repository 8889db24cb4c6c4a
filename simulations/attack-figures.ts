/** What became of attackers, as figures. */
import type { CoordinatorState } from '../coordinator/index.ts'
import type { LeaseId, PeerId } from '../protocol/index.ts'
import type { Culprit } from './culprit.ts'

export interface AttackFigures {
  /** Honest volunteers that were blamed. */
  falseAccusations: number
  /** Machines that came and do not attack. */
  honestMachines: number
  byAttacker: Record<string, AttackerFigures>
}

export interface AttackerFigures {
  identities: number
  /** Identities that were blamed, by an audit or a ban. */
  found: number
  /** False contributions and answers that were accepted; leases that a withholder took. */
  bad: number
  /** Those of them that count for nothing in the end. */
  caught: number
  /** False ones of an identity by the time that it was first blamed; null: none was. */
  caughtAfterMedian: number | null
  /** Hours from the first false one to that. */
  caughtAfterHoursMedian: number | null
  /** The largest share of a round that was withheld at one time; null: nothing was. */
  heldShare: number | null
  /** Credit that a machine is left with, as a share of an honest one's; null: no honest one has. */
  creditShare: number | null
  /**
   * What a machine would have with credit for each step that it trained, and for no other: an
   * attack pays where `creditShare` is larger.
   */
  workShare: number | null
}

interface Seen {
  readonly accused: ReadonlySet<PeerId>
  readonly held: ReadonlyMap<string, number>
}

const HOUR_MS = 3_600_000

/** @param machines all that came */
export function attackFiguresOf(
  culprits: readonly Culprit[],
  machines: number,
  { accused, held }: Seen,
  state: CoordinatorState,
): AttackFigures {
  const names = [...new Set(culprits.map(({ attacker }) => attacker.name))].sort()
  const counts = countingOf(state)
  const honest = honestCredit(culprits, state)
  const byAttacker = names.map((name): [string, AttackerFigures] => {
    const own = culprits.filter(({ attacker }) => attacker.name === name)
    const bad = own.flatMap((culprit) => [...culprit.bad])
    const found = own.flatMap((each) => (each.found === null ? [] : [{ ...each.found, each }]))
    const hours = found.map(({ at, each }) => (at - (each.badAt ?? at)) / HOUR_MS)
    const credit = creditOf(own, state)
    const figures = {
      identities: own.length,
      found: found.length,
      bad: bad.length,
      caught: bad.filter((leaseId) => !counts.has(leaseId)).length,
      caughtAfterMedian: medianOf(found.map((each) => each.bad)),
      caughtAfterHoursMedian: medianOf(hours),
      heldShare: held.get(name) ?? null,
      creditShare: honest === null ? null : credit / honest,
      workShare: honest === null ? null : trainedTokens(own, state) / honest,
    }
    return [name, figures]
  })
  return {
    falseAccusations: accused.size,
    honestMachines: machines - machinesOf(culprits),
    byAttacker: Object.fromEntries(byAttacker),
  }
}

/** Leases that are merged, or on their way to be. */
function countingOf({ history, leases }: CoordinatorState): Set<LeaseId> {
  const merged = history.flatMap(({ contributions }) => contributions)
  const open = [...leases.values()].filter(({ stage }) => stage === 'uploaded')
  return new Set([...merged, ...open].map(({ leaseId }) => leaseId))
}

/** Tokens counted for each of their machines. */
function creditOf(culprits: readonly Culprit[], { records }: CoordinatorState): number {
  const tokens = culprits.reduce(
    (sum, { peer }) => sum + (records.get(peer)?.credit.tokens ?? 0),
    0,
  )
  return tokens / machinesOf(culprits)
}

/** What each of their machines trained, in tokens of steps that count. */
function trainedTokens(
  culprits: readonly Culprit[],
  { tokensCounted, batchesCounted }: CoordinatorState,
): number {
  const steps = culprits.reduce((sum, { trained }) => sum + trained, 0)
  return (steps * tokensCounted) / batchesCounted / machinesOf(culprits)
}

const machinesOf = (culprits: readonly Culprit[]): number =>
  new Set(culprits.map(({ machine }) => machine)).size

function honestCredit(culprits: readonly Culprit[], { records }: CoordinatorState): number | null {
  const theirs = new Set(culprits.map(({ peer }) => peer))
  const honest = [...records].filter(([peer]) => !theirs.has(peer))
  const tokens = honest.reduce((sum, [, { credit }]) => sum + credit.tokens, 0)
  return tokens === 0 ? null : tokens / honest.length
}

function medianOf(numbers: readonly number[]): number | null {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return null
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}
