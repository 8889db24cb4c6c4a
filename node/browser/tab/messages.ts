/** What a page and the worker that volunteers for it tell each other. */

import type { JobLimits } from '../../compute/job.ts'
import type { StepProgress } from '../../compute/task.ts'
import type { LogLevel } from '../../log.ts'
import type { Invite } from '../../network/link.ts'
import type { TransferProgress } from '../../roles/participant-world.ts'
import type { VolunteerOutcome } from '../../roles/volunteer.ts'

export type ToVolunteer =
  | { type: 'start'; invite: Invite; name: string; limits: JobLimits; paused: string | null }
  /** Pauses in the middle of a step; the steps before it are handed in. */
  | { type: 'pause'; reason: string }
  | { type: 'resume' }
  /** Does the lease to its end, then goes. */
  | { type: 'finish' }
  /** Hands in the finished prefix, then goes. */
  | { type: 'leave' }
  /** Forgets weights and data. */
  | { type: 'erase' }

export type FromVolunteer =
  | { type: 'started'; peer: string; storage: 'kept' | 'forgotten' }
  | { type: 'log'; level: LogLevel; text: string }
  /** All addresses that may lead to the coordinator, by its link and by what it says. */
  | { type: 'addresses'; addresses: string[] }
  | ({ type: 'step' } & StepProgress)
  | ({ type: 'transfer' } & TransferProgress)
  | ({ type: 'exit' } & VolunteerOutcome)
  | { type: 'erased' }
  /** It cannot go on. */
  | { type: 'failed'; reason: string }
