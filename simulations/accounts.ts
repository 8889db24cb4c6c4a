/**
 * Where the volunteers' time went. Every millisecond that a volunteer is online is in exactly one
 * place: counted (steps that are in the adapter), or wasted, by cause. What is still open when a
 * round is merged is settled with the next one, and what is open at the end is unfinished.
 *
 *   goodput = counted step-seconds / online step-seconds
 */
import type { LeaseId } from '../protocol/index.ts'

export const CAUSES = [
  /** Nothing to do: between rounds, or asking for work. */
  'waiting',
  /** Connecting, fetching what the round needs, and what a lease takes besides its steps. */
  'loading',
  /** Repeating what others did. */
  'auditing',
  /** Work whose maker went before it was handed in. */
  'departed',
  /** Work that came after its round or its lease was over. */
  'late',
  /** Training that failed, and results that were refused. */
  'failed',
  /** Work for a round that was open at the end. */
  'unfinished',
] as const
export type Cause = (typeof CAUSES)[number]
export type Waste = Record<Cause, number>

/** Milliseconds; `online` is the sum of the others. */
export interface Totals {
  online: number
  counted: number
  waste: Waste
}

export interface Accounts {
  /** What had happened by the last merge. */
  readonly settled: Totals
  /** What has happened, if all that is open now stays so. */
  atEnd(): Totals
  waste(cause: Cause, ms: number): void
  /** Steps that were done for a lease; whether they count is not known yet. */
  done(leaseId: LeaseId, round: number, ms: number, isGone: () => boolean): void
  count(leaseId: LeaseId): void
  refuse(leaseId: LeaseId): void
  /** A round is merged: what was done for it and did not count never will. */
  settle(round: number): void
}

interface Work {
  ms: number
  round: number
  isGone: () => boolean
}

export const noWaste = (): Waste => ({
  waiting: 0,
  loading: 0,
  auditing: 0,
  departed: 0,
  late: 0,
  failed: 0,
  unfinished: 0,
})

export function createAccounts(): Accounts {
  const open = new Map<LeaseId, Work>()
  const waste = noWaste()
  let counted = 0
  let settled: Totals = { online: 0, counted: 0, waste: noWaste() }

  function close(leaseId: LeaseId, settleIt: (work: Work) => void): void {
    const work = open.get(leaseId)
    if (work === undefined) return
    open.delete(leaseId)
    settleIt(work)
  }

  return {
    get settled() {
      return settled
    },
    waste: (cause, ms) => {
      waste[cause] += ms
    },
    done: (leaseId, round, ms, isGone) => {
      // What was refused when it was handed in may be trained again, under the same lease.
      waste.failed += open.get(leaseId)?.ms ?? 0
      open.set(leaseId, { ms, round, isGone })
    },
    count: (leaseId) =>
      close(leaseId, ({ ms }) => {
        counted += ms
      }),
    refuse: (leaseId) =>
      close(leaseId, ({ ms }) => {
        waste.failed += ms
      }),
    settle: (round) => {
      for (const [leaseId, work] of open) {
        if (work.round > round) continue
        waste[work.isGone() ? 'departed' : 'late'] += work.ms
        open.delete(leaseId)
      }
      settled = totalsOf(counted, { ...waste })
    },
    atEnd: () => {
      const left = [...open.values()].reduce((sum, { ms }) => sum + ms, 0)
      return totalsOf(counted, { ...waste, unfinished: waste.unfinished + left })
    },
  }
}

function totalsOf(counted: number, waste: Waste): Totals {
  const online = counted + CAUSES.reduce((sum, cause) => sum + waste[cause], 0)
  return { online, counted, waste }
}

export const goodputOf = ({ online, counted }: Totals): number =>
  online === 0 ? 0 : counted / online

/** What audits cost, as a share of all steps that were of use: those that count and those again. */
export const auditShareOf = ({ counted, waste }: Totals): number =>
  waste.auditing === 0 ? 0 : waste.auditing / (counted + waste.auditing)

/** Shares of the time online, by cause. */
export function wasteShares({ online, waste }: Totals): Waste {
  const shares = CAUSES.map((cause) => [cause, online === 0 ? 0 : waste[cause] / online])
  return Object.fromEntries(shares)
}
