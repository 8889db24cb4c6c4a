/** Figures for people. */

import type { AuditCounts, Credit } from '../../protocol/index.ts'
import { counted } from '../../protocol/index.ts'
import type { LeaseState, PeerRow, RunRow } from './rows.ts'

/** How far a lease has come. */
export const LEASE_WORDS: Record<LeaseState, string> = {
  leased: 'training',
  committed: 'uploading',
  stored: 'handed in',
  counted: 'counted',
  lost: 'lost',
  rejected: 'rejected',
}

const COMPACT_UNITS = ['', 'K', 'M', 'B', 'T']

/** What came of repeating work: "12 looks and 3 in full, all right". */
export function auditWords({ looks, fulls, mismatches, lapsed }: AuditCounts): string {
  const done = `${counted(looks, 'look')} and ${fulls} in full`
  const found = mismatches === 0 ? 'all right' : `and ${mismatches} found wrong`
  return `${done}, ${found}${lapsed === 0 ? '' : `; for ${lapsed} nobody had time`}`
}

/** The same where there is little room: "15", or "15, 1 wrong". */
export function auditCount({ looks, fulls, mismatches }: AuditCounts): string {
  const done = compact(looks + fulls)
  return mismatches === 0 ? done : `${done}, ${compact(mismatches)} wrong`
}

/** What counts of somebody's work: "12.3K tokens in 8 batches counted". */
export function creditWords({ tokens, batches }: Credit): string {
  const done = `${compact(batches)} ${batches === 1 ? 'batch' : 'batches'}`
  return `${compact(tokens)} tokens in ${done} counted`
}

/** 1234567 -> "1.2M" */
export function compact(value: number): string {
  let [shown, unit] = [value, 0]
  // 999950 is rounded to 1000.0 K, which is 1 M.
  while (Math.abs(shown) >= 999.95 && unit < COMPACT_UNITS.length - 1) {
    shown /= 1000
    unit += 1
  }
  return `${Math.round(shown * 10) / 10}${COMPACT_UNITS[unit]}`
}

export function byteSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** 3700000 -> "1 h 2 min" */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`
}

type Standing = Pick<RunRow, 'round' | 'roundsMax' | 'batchesCounted' | 'batchesMax' | 'phase'>

/** Share of the run that is done, by batches or by rounds, whichever is further. */
export function doneOf({ round, roundsMax, batchesCounted, batchesMax, phase }: Standing): number {
  if (phase === 'finished') return 1
  const byRounds = roundsMax === null ? 0 : round / roundsMax
  return Math.max(byRounds, batchesCounted / batchesMax)
}

/** The round that goes on, as people count them, and the last one where that is known. */
export function roundWords({
  round,
  roundsMax,
  phase,
}: Omit<Standing, 'batchesCounted' | 'batchesMax'>): string {
  const begun = phase === 'finished' ? round : round + 1
  return roundsMax === null ? String(begun) : `${Math.min(begun, roundsMax)} of ${roundsMax}`
}

export function timeLeft(run: RunRow): string {
  if (run.phase === 'finished') return 'finished'
  const done = doneOf(run)
  return done === 0 ? 'not known' : duration(((run.at - run.startedAt) / done) * (1 - done))
}

/** Tokens a second of all who are here, by their own step times. */
export function speedOf({ stepTokens }: RunRow, peers: Iterable<PeerRow>): number {
  let speed = 0
  for (const { state, stepMs } of peers) {
    if (state === 'here' && stepMs !== null) speed += (stepTokens * 1000) / stepMs
  }
  return speed
}
