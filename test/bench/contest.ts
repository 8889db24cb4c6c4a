/** Rounds among contestants: everyone does the same task in turn, again and again. */
import { fileURLToPath } from 'node:url'
import { type Answer, type Contestant, startContestant, type Task } from './contestant.ts'

/** Every contestant's answers, one a round, by name. */
export type Results = ReadonlyMap<string, readonly Answer[]>

export async function compete(
  contestants: readonly Contestant[],
  task: Task,
  rounds: number,
): Promise<Results> {
  return competeEach(
    contestants,
    contestants.map(() => task),
    rounds,
  )
}

/** Each contestant has a task of its own. */
export async function competeEach(
  contestants: readonly Contestant[],
  tasks: readonly Task[],
  rounds: number,
): Promise<Results> {
  const results = new Map<string, Answer[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, ask }] of contestants.entries()) {
      results.get(name)!.push(await ask(tasks[i]!))
    }
  }
  return results
}

/** Median over the rounds of `other`'s seconds / `own`'s: how many times faster `own` is. */
export function timesAsFast(
  results: Results,
  own: string,
  other: string,
  seconds: 'cpu' | 'wall' = 'cpu',
): number | null {
  const ratios = pairedRatios(results, own, other, seconds)
  return ratios === null ? null : median(ratios)
}

/** `other`'s seconds / `own`'s of each round; null where one of them was not there. */
export function pairedRatios(
  results: Results,
  own: string,
  other: string,
  seconds: 'cpu' | 'wall' = 'cpu',
): number[] | null {
  const [a, b] = [results.get(own), results.get(other)]
  if (a === undefined || b === undefined) return null
  return a.map((answer, round) => b[round]![seconds] / answer[seconds])
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A quarter, half and three quarters of the values are no more than these. */
export function quartiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b)
  return [0.25, 0.5, 0.75].map((part) => sorted[Math.round(part * (sorted.length - 1))]!)
}

/** Null values are left out; null when nothing is left. */
export function medianOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : median(known)
}

/** A name, and what starts it: `ours`, a file of this folder, or a `python` engine. */
export type Entry = readonly [name: string, command: string, ...args: string[]]

/** Ours: each width V8 may have, with each kind of frozen base. */
export function ours(name: string, width: 'wide' | 'narrow', kind: string, threads = 1): Entry {
  return script(name, 'ours.ts', width, kind, String(threads))
}

export function script(name: string, file: string, ...args: string[]): Entry {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return [name, process.execPath, '--import', 'tsx', path, ...args]
}

export function python(
  name: string,
  interpreter: string,
  engine: string,
  type: string,
  threads = 1,
): Entry {
  const path = fileURLToPath(new URL('yardstick.py', import.meta.url))
  return [name, interpreter, path, engine, type, String(threads)]
}

/** Starts all, and stops them after `work`; who can't start is told to `skipped`, once each. */
export async function withContestants<T>(
  entries: readonly Entry[],
  skipped: (name: string, reason: string) => void,
  work: (contestants: Contestant[]) => Promise<T>,
): Promise<T> {
  const contestants: Contestant[] = []
  // One after the other: ours tunes itself as it starts, and should not be disturbed.
  for (const [name, command, ...args] of entries) {
    const contestant = await startContestant(name, command, args)
    if (typeof contestant === 'string') skipped(name, contestant)
    else contestants.push(contestant)
  }
  try {
    return await work(contestants)
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()))
  }
}
