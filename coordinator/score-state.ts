/** Adapters whose scores are asked for: their rows, piece by piece. */
import type { BlobReference, Digest, LeaseId, PeerId, ScoredRow } from '../protocol/index.ts'

export interface PendingScores {
  round: number
  adapter: Digest
  checkpoint: BlobReference | null
  /** Null: an earlier one is in progress. */
  begunAt: number | null
  /** The piece that the coordinator is at; null: none is left. */
  own: number | null
  pieces: ScorePiece[]
  /** What members said, in the order in which it came. */
  answers: ScoreAnswer[]
}

export interface ScorePiece {
  first: number
  rows: number
  /** Members who are at it. */
  out: { leaseId: LeaseId; peer: PeerId }[]
  /** What the rows come to; null: that is not known yet. */
  outcomes: ScoredRow[] | null
}

export interface ScoreAnswer {
  /** The first row of the piece. */
  first: number
  leaseId: LeaseId
  peer: PeerId
  block: string | null
  outcomes: ScoredRow[]
}
