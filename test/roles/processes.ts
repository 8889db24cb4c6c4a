/** `barnraise` in processes of its own, followed by the facts that it prints. */
import { onTestFailed, onTestFinished } from 'vitest'
import { type Child, startChild } from '../../node/cli/child.ts'

/** Told of a process whose test failed. */
const LAST_FACTS = 8

interface Waiting<Fact> {
  type: string
  times: number
  resolve(fact: Fact): void
  reject(error: Error): void
}

/** Follows a process's facts; resolves when one of a type has come so many times. */
function follow<Fact extends { type: string }>(child: Child<Fact>) {
  const facts: Fact[] = []
  const waiting: Waiting<Fact>[] = []
  const onExit = (code: number | null) => {
    const error = new Error(`It ended with ${code}: ${child.complaints()}`)
    for (const { reject } of waiting) reject(error)
  }
  child.exited.then(onExit, () => onExit(null))
  child.onMessage((fact) => {
    facts.push(fact)
    for (const { type, times, resolve } of waiting) {
      if (fact.type === type && facts.filter((seen) => seen.type === type).length >= times) {
        resolve(fact)
      }
    }
  })
  return {
    facts,
    /** @throws when it ends before */
    seen: <T extends Fact['type']>(type: T, times = 1) => {
      const { promise, resolve, reject } = Promise.withResolvers<Extract<Fact, { type: T }>>()
      // A test that is over waits for nothing.
      promise.catch(() => {})
      waiting.push({ type, times, resolve: resolve as (fact: Fact) => void, reject })
      return promise
    },
  }
}

export function start<Fact extends { type: string }>(args: string[]) {
  const child = startChild<Fact>(args)
  const followed = follow(child)
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  onTestFailed(() => {
    console.error(args[0], 'said last', followed.facts.slice(-LAST_FACTS), child.complaints())
  })
  return { child, facts: followed.facts, seen: followed.seen }
}
