/** What a page and the worker that checks a run for it tell each other. */
import type { Trusted, Verification, VerifyProgress } from '../../run/verify.ts'
import type { Door } from './door.ts'

export interface ToChecker {
  door: Door
  /** Where the run is published, below the address of the page. */
  folder: string
  /** What opens it; null: anybody may. */
  word: string | null
  trusted: Trusted
  /** How many steps to train again, and the seed of their draw. */
  steps: number
  seed: number
  memoryBytesMax: number
}

export type FromChecker =
  | { type: 'fetched'; bytes: number }
  | { type: 'progress'; progress: VerifyProgress }
  | { type: 'done'; verification: Verification; ms: number }
  /** It could not be checked, which says nothing of the run. */
  | { type: 'failed'; reason: string }
