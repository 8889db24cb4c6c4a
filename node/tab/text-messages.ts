/** What a page and the worker that writes text for it tell each other. */
import type { Digest } from '../../protocol/digest.ts'
import type { WriteOptions } from '../training/write-text.ts'
import type { MemoryFit } from './text-memory.ts'

export interface Ask extends WriteOptions {
  prompt: string
  /** Null: the base alone answers. */
  adapter: Digest | null
  /** Whether it goes on with the talk so far. */
  goesOn: boolean
}

export type ToText =
  /** `address` ends in a slash; `word` is what the link has after its #. */
  | { type: 'plan'; address: string; word: string; memoryBytesMax: number }
  | { type: 'open' }
  | ({ type: 'ask' } & Ask)
  /** End the answers. */
  | { type: 'hush' }

export interface Planned {
  /** What the base is called. */
  name: string
  /** What has to be fetched yet. */
  fetchBytes: number
  memory: MemoryFit
  storage: 'kept' | 'forgotten'
}

export type Voice = 'base' | 'adapter'

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
  /** Of the fetch, in bytes. */
  | { type: 'transfer'; done: number; total: number }
  | { type: 'opening' }
  /** Whether the model answers in a talk, or continues texts. */
  | { type: 'opened'; speaks: 'talk' | 'text' }
  | { type: 'begins'; voice: Voice }
  | { type: 'piece'; voice: Voice; text: string }
  | { type: 'answered' }
  | { type: 'failed'; code: FailureCode; reason: string }
