/**
 * Is enough of a round here to merge it? Three-valued, with the reason for people: `pending` may
 * still become either, `met` and `lost` are final unless more is leased.
 */
import { counted } from '../protocol/index.ts'
export interface Quorum {
  status: 'pending' | 'met' | 'lost'
  reason: string
}

export interface Arrivals {
  /** Batches whose payload is stored. */
  uploaded: number
  /** Batches that are leased or committed and may still arrive. */
  outstanding: number
  /** The most batches that were in, or out with those who have delivered, at any one time. */
  expected: number
}

export function quorumOf({ uploaded, outstanding, expected }: Arrivals, fraction: number): Quorum {
  const needed = Math.max(1, Math.ceil(fraction * expected))
  const status = uploaded >= needed ? 'met' : uploaded + outstanding < needed ? 'lost' : 'pending'
  const done = `${uploaded} of ${counted(expected, 'batch')}`
  const reason = `${done}, ${needed} needed, ${outstanding} outstanding`
  return { status, reason }
}
