/**
 * What happens in a run, told in facts: the live view shows them, `--json` prints them, one a line.
 */
import type { PeerId, Scores } from '../../protocol/index.ts'
import type { Fact } from './facts.ts'
import type { RunRow } from './rows.ts'

export type Progress =
  /** `page` is where volunteers train, `admin` where the organiser sees the link. */
  | ({
      type: 'ready'
      link: string
      runId: string
      coordinator: PeerId
      run: string
    } & Addresses)
  | { type: 'joined'; peer: PeerId; name: string; here: number }
  | { type: 'away'; peer: PeerId; name: string; here: number }
  | { type: 'leased'; peer: PeerId; name: string; round: number; firstBatch: number; steps: number }
  | { type: 'committed'; peer: PeerId; name: string; round: number; steps: number; loss: number }
  | { type: 'counted'; peer: PeerId; name: string; round: number; tokens: number }
  | { type: 'refused'; peer: PeerId; name: string; refusal: string; reason: string }
  | { type: 'revoked'; peer: PeerId; name: string; reason: string }
  | {
      type: 'round'
      round: number
      roundsMax: number | null
      batchesCounted: number
      tokens: number
    }
  /** The run goes on from the adapter after `round` rounds: so many are done again. */
  | { type: 'rewound'; round: number; dropped: number }
  /** A merge raised the held-out loss too far: its work is repeated, or its round is redone. */
  | {
      type: 'merge-refused'
      round: number
      before: number
      after: number
      isRepeated: boolean
    }
  /** What was merged in `round` and counts no more. */
  | { type: 'taken-back'; round: number; contributions: number; batches: number }
  | {
      type: 'evaluated'
      round: number
      loss: number
      /** Null where the loss is not one of tokens. */
      perplexity: number | null
      /** The loss on text that has nothing to do with the run's; null: none is watched. */
      generalLoss: number | null
      /** Where answers are rated: the share with a margin above 0, and the mean margin. */
      accuracy: number | null
      margin: number | null
    }
  /** Shares of the run's questions and prompts that are right. */
  | ({ type: 'scored'; round: number } & Scores)
  /** `reason`: what ended it. */
  | { type: 'finished'; round: number; adapter: string; reason: string }
  /** The standing of the run, told every so often. */
  | ({ type: 'status' } & Standing)
  /** The run is over, its adapter is in a folder, and the pages stay. */
  | { type: 'staying'; adapter: string }

/** Where the pages are; null where none are served. */
export interface Addresses {
  page: string | null
  admin: string | null
}

/** The figures of the live view's bottom line. */
export type Standing = Pick<
  RunRow,
  'phase' | 'round' | 'roundsMax' | 'batchesCounted' | 'batchesMax' | 'countedTokens'
> & { here: number }

export function standingOf(run: RunRow): Standing {
  const { phase, round, roundsMax, batchesCounted, batchesMax, countedTokens, hereCount } = run
  return { phase, round, roundsMax, batchesCounted, batchesMax, countedTokens, here: hereCount }
}

/** What is told of a fact, with the run as it is after it; null: it is not told by itself. */
export function progressOf(fact: Fact, run: RunRow): Progress | null {
  const here = run.hereCount
  switch (fact.type) {
    case 'joined':
      return { type: 'joined', peer: fact.peer, name: fact.name, here }
    case 'away':
      return { type: 'away', peer: fact.peer, name: fact.name, here }
    case 'gone':
      return fact.wasHere ? { type: 'away', peer: fact.peer, name: fact.name, here } : null
    case 'leased': {
      const { peer, name, round, firstBatch, steps } = fact.lease
      return { type: 'leased', peer, name, round, firstBatch, steps }
    }
    case 'committed': {
      const { peer, name, round, steps, work } = fact.lease
      return { type: 'committed', peer, name, round, steps, loss: work!.loss }
    }
    case 'stored': {
      const { peer, name, round, work } = fact.lease
      return { type: 'counted', peer, name, round, tokens: work!.tokens }
    }
    case 'lost':
      return { type: 'revoked', peer: fact.lease.peer, name: fact.lease.name, reason: fact.reason }
    case 'refused': {
      const { peer, name, refusal, reason } = fact
      return { type: 'refused', peer, name, refusal, reason }
    }
    case 'merged': {
      const { roundsMax, batchesCounted, countedTokens: tokens } = run
      return { type: 'round', round: fact.round + 1, roundsMax, batchesCounted, tokens }
    }
    case 'rewound':
      return { type: 'rewound', round: fact.round, dropped: fact.dropped.length }
    case 'merge-refused':
      return { ...fact, round: fact.round + 1 }
    case 'taken-back': {
      const batches = fact.contributions.reduce((sum, { steps }) => sum + steps, 0)
      const contributions = fact.contributions.length
      return { type: 'taken-back', round: fact.round + 1, contributions, batches }
    }
    case 'evaluated': {
      const perplexity = fact.accuracy === null ? Math.exp(fact.loss) : null
      return { ...fact, perplexity }
    }
    case 'scored':
      return { type: 'scored', round: fact.round, ...fact.scores }
    case 'finished':
      return fact
    case 'banned':
    case 'unbanned':
    case 'timed':
    case 'counted':
    case 'rejected':
    case 'closed':
    case 'logged':
      return null
  }
}
