/** An engine that may be there, and what it computed. */
import { readFileSync } from 'node:fs'

export interface Engine {
  /** What is tried, in a line of the report. */
  name: string
  /** Why it cannot be tried here, and what would help; null: it can. */
  missing(): string | null
  /** What was computed, by its name, and whether its bits are the frozen ones. */
  run(): Promise<Finding[]>
}

export interface Finding {
  name: string
  isRight: boolean
}

type Digests = Readonly<Record<string, string>>

const frozen = (name: string): Digests =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))

/** The digests of all ops and jobs that every engine must come to. */
const FROZEN: Digests = { ...frozen('ops'), ...frozen('jobs') }

/** A digest that is not there is a wrong one. */
export function compare(names: readonly string[], digests: Digests): Finding[] {
  return names.map((name) => ({
    name,
    isRight: name in FROZEN && digests[name] === FROZEN[name],
  }))
}
