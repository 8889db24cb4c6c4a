/** A page tells from its own steps what other programs take. */
import { expect, test } from 'vitest'
import { createDriftSensor } from '../../node/browser/tab/drift.ts'

for (const [what, steps, expected] of [
  ['nothing', [], null],
  ['too few steps', [100, 100], null],
  ['steps that are alike', [100, 100, 100], 0],
  ['one that is slow', [100, 100, 100, 400, 100], 0],
  ['steps that stay twice as slow', [100, 100, 100, 200, 200, 200], 0.5],
  ['steps that are slower and slower', [100, 100, 200, 400, 800], 0.5],
  ['a first step that is slow by itself', [400, 100, 100, 100], 0],
  ['a step that is faster than all before', [100, 100, 100, 50, 50, 50], 0],
] as const) {
  test(`${what}: others take ${expected ?? 'nobody knows what'}`, () => {
    const sensor = createDriftSensor()
    for (const [index, stepMs] of steps.entries()) sensor.step(stepMs, index * 1000)
    expect(sensor.othersShare(steps.length * 1000)).toBe(expected)
  })
}

test('what lasted is forgotten after a minute', () => {
  const sensor = createDriftSensor()
  for (const [index, stepMs] of [100, 200, 200, 200].entries()) sensor.step(stepMs, index)
  expect(sensor.othersShare(59_000)).toBe(0.5)
  expect(sensor.othersShare(61_000)).toBeNull()
})
