/** A host that is done waits for those who have not heard of it; one that is stopped does not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { farewell } from '../../node/roles/farewell.ts'

vi.mock('node:timers/promises', () => ({ setTimeout: vi.fn(() => Promise.resolve()) }))

for (const [what, phase, here, waits] of [
  ['the run is over, and two are slow to hear it', 'finished', [2, 2, 1, 0], 4],
  ['the run is over, and nobody is here', 'finished', [0], 1],
  ['the run goes on later', 'training', [2], 1],
] as const) {
  test(`where ${what}, it waits ${waits} times`, async () => {
    vi.mocked(sleep).mockClear()
    const counts = [...here]
    await farewell({
      phase,
      get hereCount() {
        return counts.shift() ?? 0
      },
    })
    expect(sleep).toHaveBeenCalledTimes(waits)
  })
}

test('nobody is waited for without end', async () => {
  vi.mocked(sleep).mockClear()
  await farewell({ phase: 'finished', hereCount: 1 })
  const waited = vi.mocked(sleep).mock.calls.reduce((sum, [ms]) => sum + ms!, 0)
  expect(waited).toBe(15_000)
})
