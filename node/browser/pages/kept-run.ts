/**
 * What a browser keeps of the run that it lends to, so that the page opens it again without the
 * link: the words of the link, and what its owner chose. Pure.
 */
import type { Preferences } from '../../guest/governor.ts'
import { LINK_LENGTH_MAX } from '../../network/limits.ts'
import { AT } from '../../network/link.ts'

/** What is lent, and the name in the list. */
export interface Choice {
  name: string
  threads: number
  memoryMegabytes: number
}

/** What pauses, as far as a page asks. */
export type Pauses = Omit<Preferences, 'hours' | 'celsiusMax'>

export interface KeptRun extends Choice, Pauses {
  /** What the address has after its #: `join=…`, and `at=…` where a relay leads to the run. */
  words: string
  /** Start was pressed, and since then no stop; nor has the run ended. */
  isLending: boolean
}

export const NAME_LENGTH_MAX = 64
/** A link, and some words for each of the other fields. */
const TEXT_LENGTH_MAX = LINK_LENGTH_MAX + 1_024

const isBoolean = (value: unknown) => typeof value === 'boolean'
const isAmount = (value: unknown) => Number.isFinite(value) && (value as number) > 0
const isLimit = (value: unknown) => value === null || isAmount(value)
const isText = (lengthMax: number) => (value: unknown) =>
  typeof value === 'string' && value.length <= lengthMax

const FIELDS: { [K in keyof KeptRun]: (value: unknown) => boolean } = {
  words: isText(LINK_LENGTH_MAX),
  isLending: isBoolean,
  name: isText(NAME_LENGTH_MAX),
  threads: isAmount,
  memoryMegabytes: isAmount,
  isPaused: isBoolean,
  pauseHidden: isBoolean,
  pauseOnBattery: isBoolean,
  othersShareMax: isLimit,
  bytesMax: isLimit,
}

/** What was kept; null where it is nothing, or nothing that this version understands. */
export function parseKept(text: string | null): KeptRun | null {
  if (text === null || text.length > TEXT_LENGTH_MAX) return null
  try {
    const found = JSON.parse(text) as Record<string, unknown> | null
    const fits = Object.entries(FIELDS).every(([field, is]) => is(found?.[field]))
    return fits ? (found as unknown as KeptRun) : null
  } catch {
    return null
  }
}

/**
 * Those words of an address by which it joins a run; null: by none. What an organiser has there is
 * none of them.
 */
export function wordsToKeep(words: URLSearchParams): string | null {
  const [at, join] = [words.get(AT), words.get('join')]
  if (join === null) return null
  return new URLSearchParams(at === null ? { join } : { [AT]: at, join }).toString()
}

/** Whether a link with this word after its `join=` leads to the run. */
export function isWordOf(joinWord: string, runId: string): boolean {
  return runId.startsWith(joinWord.split('.')[0]!)
}
