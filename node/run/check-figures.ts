/**
 * The figures that the page of a published run shows, held against what the journal tells. What
 * makes them again is given by the caller, as it is told of each entry.
 */
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorState,
} from '../../coordinator/index.ts'
import type { Evidence } from './evidence.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { FIGURES_FILE } from './publication.ts'

export interface Figures {
  observe(seq: number, event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): unknown
  /** What the file must say, as JSON. */
  written(): unknown
}

/** @param state the run before its first event */
export type FiguresOf = (state: CoordinatorState) => Figures

/** Room for the digits of figures that are wrong. */
const BYTES_PER_BYTE_MAX = 2
const BYTES_MORE_MAX = 2 ** 16

/** The first figure that is not what the journal tells; null: all are, or none are shown. */
export async function checkFigures(
  { figures }: Evidence,
  { written }: Figures,
): Promise<Mismatch | null> {
  const text = JSON.stringify(written())
  try {
    const bytes = await figures(BYTES_PER_BYTE_MAX * text.length + BYTES_MORE_MAX)
    if (bytes === null) return null
    const reason = differenceOf(jsonOf(bytes), JSON.parse(text), 'run.json')
    return reason === null ? null : { record: FIGURES_FILE, reason }
  } catch (error) {
    return { record: FIGURES_FILE, reason: reasonOf(error) }
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The platform's own message quotes the file, control characters too.
    throw new Error('it is not JSON in UTF-8')
  }
}

/** What is known by one name is compared, so that another version may know more, or less. */
function differenceOf(said: unknown, told: unknown, name: string): string | null {
  if (Array.isArray(said) && Array.isArray(told)) {
    if (said.length !== told.length) return isOther(`${name}.length`, said.length, told.length)
    return first(told.keys(), (index) =>
      differenceOf(said[index], told[index], `${name}[${index}]`),
    )
  }
  if (isRecord(said) && isRecord(told)) {
    const both = Object.keys(told).filter((key) => Object.hasOwn(said, key))
    return first(both, (key) => differenceOf(said[key], told[key], `${name}.${key}`))
  }
  return said === told ? null : isOther(name, said, told)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isOther(name: string, said: unknown, told: unknown): string {
  const shown = [told, said].map((value) => JSON.stringify(value)?.slice(0, VALUE_SHOWN_MAX))
  return `'${name}' must be ${shown[0]} by the journal: current value is ${shown[1]}`
}

const VALUE_SHOWN_MAX = 100

function first<T>(all: Iterable<T>, find: (one: T) => string | null): string | null {
  for (const one of all) {
    const found = find(one)
    if (found !== null) return found
  }
  return null
}
