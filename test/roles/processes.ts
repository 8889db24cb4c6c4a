/** `barnraise` in processes of its own, followed by the facts that it prints. */
import { onTestFinished } from 'vitest'
import { type Child, startChild } from '../../node/cli/child.ts'

/** Follows a process's facts; resolves when one of a type has come so many times. */
function follow<Fact extends { type: string }>(child: Child<Fact>) {
  const facts: Fact[] = []
  const waiting: { type: string; times: number; resolve: (fact: Fact) => void }[] = []
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
    seen: <T extends Fact['type']>(type: T, times = 1) =>
      new Promise<Extract<Fact, { type: T }>>((resolve) => {
        waiting.push({ type, times, resolve: resolve as (fact: Fact) => void })
      }),
  }
}

export function start<Fact extends { type: string }>(args: string[]) {
  const child = startChild<Fact>(args)
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return { child, ...follow(child) }
}
