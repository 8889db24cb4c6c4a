/** Work that may yet be repeated is told to nobody: which that is, as a round goes on. */
import { expect, test } from 'vitest'
import { isUnsettledManifest, unsettledLeases } from '../../coordinator/unsettled.ts'
import { startConversation } from './coordinator-language.ts'
import { checkedStep } from './invariants.ts'

const CONFIG =
  'config audit.trust=friends audit.ownShare=0.01 delivered=ann,bob,cy round.batchesMax=4 ' +
  'round.stepsMin=4 round.stepsMax=4 training.batchesMax=8'

function check(...acts: [line: string, leases: number[], isManifestHidden: boolean | null][]) {
  const { state, eventOf } = startConversation([{ input: [CONFIG], output: '' }])
  for (const line of ['0 started', '10 join ann', '20 join bob']) checkedStep(state, eventOf(line)!)
  for (const [line, leases, isManifestHidden] of acts) {
    checkedStep(state, eventOf(line)!)
    const [merged] = state.history
    const found = merged ? isUnsettledManifest(state, merged.manifest.digest) : null
    expect({ line, leases: [...unsettledLeases(state)].sort(), hidden: found }).toEqual({
      line,
      leases,
      hidden: isManifestHidden,
    })
  }
}

test('from its lease on until its audit is over, and no longer than the run', () =>
  check(
    ['30 lease ann 1000', [0], null],
    ['4000 commit ann 0 4 draw=full', [0], null],
    ['4010 stored 0', [0], null],
    ['4020 aggregated 0', [0], true],
    ['4030 lease bob 1000', [0], true],
    ['6000 audit bob 1', [], false],
    ['6010 lease ann 1000', [2], false],
    ['9000 commit ann 2 4 draw=full', [2], false],
    ['9010 stored 2', [2], false],
    ['9020 aggregated 1', [], false],
  ))
