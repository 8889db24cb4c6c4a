/** `barnraise` in processes of its own, followed by the facts that it prints. */
import { onTestFailed, onTestFinished } from 'vitest'
import { type Child, startChild } from '../../node/cli/child.ts'
import { heard } from '../../node/heard.ts'

/** Told of a process whose test failed. */
const LAST_FACTS = 8

interface Waiting<Fact> {
  type: string
  times: number
  resolve(fact: Fact): void
  reject(error: Error): void
}

/** Follows a process's facts. */
function follow<Fact extends { type: string }>(child: Child<Fact>) {
  const facts: Fact[] = []
  let waiting: Waiting<Fact>[] = []
  let ended: Error | null = null
  const look = () => {
    waiting = waiting.filter(({ type, times, resolve, reject }) => {
      const fact = facts.filter((seen) => seen.type === type)[times - 1]
      if (fact !== undefined) resolve(fact)
      else if (ended !== null) reject(ended)
      return fact === undefined && ended === null
    })
  }
  const onExit = (code: number | null) => {
    ended = new Error(`It ended with ${code}: ${child.complaints()}`)
    look()
  }
  child.exited.then(onExit, () => onExit(null))
  child.onMessage((fact) => {
    facts.push(fact)
    look()
  })
  return {
    facts,
    /**
     * Resolves when one of the type has come so many times, be it before it is asked.
     * @throws when the process ends before
     */
    seen: <T extends Fact['type']>(type: T, times = 1) => {
      const { promise, resolve, reject } = Promise.withResolvers<Extract<Fact, { type: T }>>()
      waiting.push({ type, times, resolve: resolve as (fact: Fact) => void, reject })
      look()
      // A test that is over waits for nothing.
      return heard(promise)
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
