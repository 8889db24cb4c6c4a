/** How many audits there may be at a time, and which one goes where there are more. */
import { expect, test } from 'vitest'
import type { Audit } from '../../coordinator/audit.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { startConversation } from './coordinator-language.ts'

const CONFIG =
  'config audit.trust=friends delivered=ann,bob round.stepsMax=4 round.batchesMax=100 ' +
  'training.batchesMax=400'

/** The first audit is the coordinator's own, the second waits for bob, who joined later. */
function begin(): { state: CoordinatorState; play(...lines: string[]): void } {
  const { state, eventOf } = startConversation([{ input: [CONFIG], output: '' }])
  const play = (...lines: string[]) => {
    for (const line of lines) expect(step(state, eventOf(line)!).accepted, line).toBe(true)
  }
  play('0 started', '10 join ann', '20 lease ann 1000', '4000 commit ann 0 4 draw=full')
  play('4010 stored 0', '4020 join bob', '4030 lease ann 1000', '8000 commit ann 2 4 draw=full')
  play('8010 stored 2', '8020 lease bob 1000', '8030 lease ann 1000')
  return { state, play }
}

/** More like the second one, which nobody has. */
function fillUp({ audits }: CoordinatorState, count: number): void {
  const like = audits.get(3)!
  for (let auditId = 1e6; audits.size < count; auditId++) {
    const more: Audit = { ...like, auditId, stage: 'open', auditor: null }
    audits.set(auditId, more)
  }
}

for (const [count, what, isThere] of [
  [65_535, 'one fewer than the most: none goes', true],
  [65_536, 'as many as may be: the oldest goes that the coordinator is not at', false],
] as const) {
  test(what, () => {
    const { state, play } = begin()
    fillUp(state, count)
    play('12000 commit ann 4 4 draw=full')
    expect(state.audits.size).toBe(65_536)
    expect([1, 3, 5].map((auditId) => state.audits.has(auditId))).toEqual([true, isThere, true])
    expect(state.auditCounts.lapsed).toBe(isThere ? 0 : 1)
    expect(state.members.get('bob')!.audits).toEqual(isThere ? [3, 5] : [5])
  })
}
