/**
 * The data of a run, read and tokenised in a thread that is ended when a file, a template or a
 * tokenizer keeps it busy for ever (node/bounded-thread.ts).
 */
import { BOUNDS, workInThread } from '../bounded-thread.ts'
import type { DatasetOptions, PreparedDataset } from '../dataset/prepare.ts'
import type { ReadScoredRows, ScoredSources } from '../dataset/read-scored-rows.ts'
import type { DatasetEntry } from '../dataset/sources.ts'
import type { DataFigures } from './data-figures.ts'

/** What the thread gets: all of it can be sent. */
export interface DataTask {
  datasets: readonly DatasetEntry[]
  /** That their paths are relative to. */
  folder: string
  /** The files of the base by name, with its tokenizer and its template. */
  companions: ReadonlyMap<string, Uint8Array>
  /** The base has a row of numbers for each id below. */
  rows: number
  /** The name of a template, or its text. */
  template: string
  options: Omit<DatasetOptions, 'template' | 'layout'>
  /** Whether texts stay whole. */
  isPacked: boolean
  /** Whether rows rate answers. */
  isRated: boolean
  /** Examples of each source that are kept to be shown. */
  examplesMax: number
  /** What adapters are scored on; null: nothing. */
  scored: ScoredSources | null
  /** The base has seen so many tokens at a time. */
  contextLength: number
}

export interface ReadData {
  dataset: PreparedDataset
  figures: DataFigures
  /** Whether there are conversations, which a chat template writes. */
  isTalk: boolean
  scored: ReadScoredRows | null
}

/** What the data is before it is cut. */
export interface DataLook {
  figures: DataFigures
  /** Texts alone, as one long text. */
  isStream: boolean
  /** Whether there are conversations, which a chat template writes. */
  isTalk: boolean
  /** What learns from its rows, where they rate answers and run.yaml has no `rl`; else null. */
  rl: 'dpo' | 'kto' | null
}

/** @throws ConfigError that names what of the data cannot be read */
export function lookAtData(task: DataTask, bounds = BOUNDS): Promise<DataLook> {
  const module = new URL('./look-worker.ts', import.meta.url)
  return workInThread(module, task, Object.assign({ task: 'read the data' }, bounds))
}

/** @throws ConfigError that names what of the data cannot be read */
export function readData(task: DataTask, bounds = BOUNDS): Promise<ReadData> {
  const module = new URL('./data-worker.ts', import.meta.url)
  return workInThread(module, task, Object.assign({ task: 'read the data' }, bounds))
}
