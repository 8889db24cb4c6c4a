/**
 * The words between a volunteer and its owner's commands, one line of JSON each way. Whatever is
 * asked is answered by how the volunteer then is.
 */

import { z } from 'zod'
import type { Activity } from '../../coordinator/participant/index.ts'
import type { Credit } from '../../protocol/index.ts'
import type { GuestStanding } from './guest.ts'

export const controlRequest = z.discriminatedUnion('command', [
  z.strictObject({ command: z.literal('status') }),
  /** How long, in milliseconds; null: until it is resumed. */
  z.strictObject({ command: z.literal('pause'), ms: z.number().positive().nullable() }),
  /** `anyway`: whatever else speaks against training is overruled until it passes. */
  z.strictObject({ command: z.literal('resume'), anyway: z.boolean() }),
  z.strictObject({ command: z.literal('finish') }),
  z.strictObject({ command: z.literal('leave') }),
])
export type ControlRequest = z.infer<typeof controlRequest>

export interface VolunteerStatus extends GuestStanding {
  pid: number
  name: string
  /** The libp2p peer id. */
  peer: string
  /** The name of its run; null before it has joined. */
  run: string | null
  /** How its coordinator was reached last, as `relayed`; null: it was not yet. */
  way: string | null
  activity: Activity
  /** What counts of its work, as its coordinator last said; null: it has not yet. */
  credit: Credit | null
  /** Local steps done since it was started. */
  steps: number
  /** Wall time of one; null before the first. */
  stepMs: number | null
  threads: number
  memoryBytesMax: number
}

export type ControlReply =
  | { status: VolunteerStatus }
  /** What was asked makes no sense. */
  | { error: string }
