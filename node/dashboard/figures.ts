/** Figures for people. */
import type { LeaseState, PeerRow, RoundRow, RunRow } from './rows.ts'

/** How far a lease has come. */
export const LEASE_WORDS: Record<LeaseState, string> = {
  leased: 'training',
  committed: 'uploading',
  stored: 'handed in',
  counted: 'counted',
  lost: 'lost',
  rejected: 'rejected',
}

// Made once: to make a format costs 50 times what using it does, and a page shows hundreds.
const COMPACT = Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const TIME = Intl.DateTimeFormat([], { hour: 'numeric', minute: 'numeric', second: 'numeric' })

export const compact = (value: number): string => COMPACT.format(value)

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

export const timeOfDay = (at: number): string => TIME.format(at)

/** Share of the run that is done, by batches or by rounds, whichever is further. */
export function doneOf({ round, roundsMax, batchesCounted, batchesMax, phase }: RunRow): number {
  return phase === 'finished' ? 1 : Math.max(round / roundsMax, batchesCounted / batchesMax)
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

/** What the curves mean, in words. */
export function learningWords(rounds: readonly RoundRow[]): string {
  const base = rounds.find(({ round }) => round === 0)?.heldOutLoss ?? null
  const latest = rounds.findLast(({ heldOutLoss }) => heldOutLoss !== null)
  if (base === null || latest === undefined) return 'The base model has not been measured yet.'
  const loss = latest.heldOutLoss!
  const before = `perplexity ${Math.exp(base).toFixed(2)}`
  if (latest.round === 0) return `So far there is the base model alone: ${before} on held-out text.`
  const change = (1 - loss / base) * 100
  const verdict =
    change > 0.5 ? 'It is learning' : change < -0.5 ? 'It is getting worse' : 'No change'
  return (
    `${verdict}: on text that nobody trained on, the loss after round ${latest.round} is ` +
    `${loss.toFixed(3)}, ${Math.abs(change).toFixed(1)} % ${change >= 0 ? 'below' : 'above'} the ` +
    `base model's ${base.toFixed(3)} (${before} then, ${Math.exp(loss).toFixed(2)} now).`
  )
}
