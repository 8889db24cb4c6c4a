/** What a page and the worker that writes text for it tell each other. */
import type { Digest } from '../../../protocol/index.ts'
import type { WriteOptions } from '../../text/write-text.ts'
import type { Door } from './door.ts'
import type { MemoryFit } from './text-memory.ts'

/** Who writes: the base, or what it was after a round. */
export interface Voice {
  /** Rounds count from 1; 0 is the base. */
  round: number
  adapter: Digest | null
}

export interface Ask extends WriteOptions {
  prompt: string
  /** Each answers, one after the other. */
  voices: Voice[]
  /** Whether it goes on with the talk so far. */
  goesOn: boolean
}

export type ToText =
  /** `word` is what the link has after its #. */
  | { type: 'plan'; door: Door; word: string; memoryBytesMax: number }
  | { type: 'open' }
  | ({ type: 'ask' } & Ask)
  /** End the answers, and begin no other. */
  | { type: 'stop' }

export interface Planned {
  /** What the base is called. */
  name: string
  /** What has to be fetched yet. */
  fetchBytes: number
  memory: MemoryFit
  storage: 'kept' | 'forgotten'
}

export type FailureCode =
  /** The coordinator did not give what was asked for. */
  | 'fetch'
  /** What it gave is not what the run says. */
  | 'damaged'
  /** The browser has no room left. */
  | 'full'
  | 'broken'

export type FromText =
  | ({ type: 'planned' } & Planned)
  /** How far the fetch has come, in bytes. */
  | { type: 'transfer'; done: number; total: number }
  | { type: 'opening' }
  /** Whether the model answers in a talk, or continues texts. */
  | { type: 'opened'; speaks: 'talk' | 'text' }
  | { type: 'begins'; round: number }
  | { type: 'piece'; round: number; text: string }
  /** Whoever began has ended; tokens a second include the reading of the prompt. */
  | { type: 'ends'; round: number; speed: number }
  | { type: 'answered' }
  /** Nobody has said anything, and the model is as it was. */
  | { type: 'unanswered'; code: FailureCode; reason: string }
  | { type: 'failed'; code: FailureCode; reason: string }
