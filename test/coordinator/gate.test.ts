/** Which merges are published, by the held-out loss before and after. */
import { expect, test } from 'vitest'
import { gateOf } from '../../coordinator/gate.ts'
import { initialState } from '../../coordinator/state.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'

const blob = blobNamed('blob')
const files = { checkpoint: blob, update: blob, moment: null, outerState: blob, manifest: blob }

for (const [gate, losses, reason] of [
  [null, { before: 1, after: 9 }, null],
  [0.5, undefined, null],
  [0.5, { before: 2, after: 1 }, null],
  [0.5, { before: 2, after: 3 }, null],
  [0.5, { before: 2, after: 3.0001 }, 'from 2.0000 to 3.0001, by more than 50 %'],
  [0.12345, { before: 2, after: 3 }, 'from 2.0000 to 3.0000, by more than 12.3 %'],
  [0, { before: 2, after: 2 }, null],
  [0, { before: 1.5, after: 1.50004 }, 'from 1.5000 to 1.5000, by more than 0 %'],
] as const) {
  const what = losses === undefined ? 'no losses' : `${losses.before} to ${losses.after}`
  test(`a gate of ${gate}, ${what}: ${reason ?? 'published'}`, () => {
    const config = exampleConfig({ aggregation: { gate } })
    const options = { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES }
    const state = initialState(config, runIdOf(config), options)
    const aggregate = { ...files, adapter: blob.digest, rejected: [], contrary: [] }
    const told = gateOf(state, losses === undefined ? aggregate : { ...aggregate, losses })
    const expected = reason && `its merge would raise the held-out loss ${reason}`
    expect(told).toBe(expected)
  })
}
