/** Every decoder, on what was a fault once and on some broken inputs: test/fuzz/README.md. */
import { expect, test } from 'vitest'
import { runCampaign } from '../fuzz/campaign.ts'
import { keptInputs } from '../fuzz/corpus.ts'
import { TARGETS } from '../fuzz/targets.ts'

const INPUTS_EACH = 60

test('no broken input does more than to be refused', async () => {
  const made = TARGETS.map(({ name, share = 1 }) => {
    const to = Math.ceil(share * INPUTS_EACH)
    return { target: name, seed: 1, from: 0, to }
  })
  const { inputs, findings } = await runCampaign([...keptInputs(), ...made])
  expect(findings.map(({ target, why, words }) => `${target}: ${why}: ${words}`)).toEqual([])
  expect(inputs).toBeGreaterThan(INPUTS_EACH * (TARGETS.length - 1))
}, 120_000)

const PLANTED = new URL('../fuzz/planted-faults.ts', import.meta.url)

for (const [target, why, hangMs = 30_000] of [
  ['throws', 'another error'],
  ['hangs', 'too long', 1_000],
  ['fills', 'too much memory'],
  ['hoards', 'too much memory'],
  ['refuses', 'a valid input is refused'],
] as [string, string, number?][]) {
  test(`a decoder that ${target} is found, and the next input is read`, async () => {
    const jobs = [{ target, seed: 1, from: 0, to: 2 }]
    const { inputs, findings } = await runCampaign(jobs, {
      targets: PLANTED,
      hangMs,
      heapBytesMax: 2 ** 25,
    })
    expect(inputs).toBe(2)
    expect(findings.map((finding) => [finding.target, finding.why])).toEqual([[target, why]])
    expect(findings[0]!.input).toEqual(Uint8Array.of(1))
  })
}
