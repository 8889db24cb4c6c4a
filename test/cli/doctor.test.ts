/** What the doctor says of the kernels, and of who reaches this machine. */
import { expect, test } from 'vitest'
import { isSound, kernelsCheck, reachCheck, rowOf } from '../../node/cli/doctor.ts'
import { reachOf } from '../../node/cli/reach.ts'
import type { Compute } from '../../node/compute/compute.ts'

/** A compute thread that dies of this. */
function dying(reason: string): Compute {
  return {
    run: () => Promise.reject(new Error(reason)),
    close: async () => {},
  } as Partial<Compute> as Compute
}

for (const [what, check, expected] of [
  [
    'here',
    () => kernelsCheck(),
    { ok: true, found: 'WebAssembly SIMD and threads work, with the bits of all others' },
  ],
  [
    'an engine without SIMD',
    () => kernelsCheck('WebAssembly SIMD'),
    {
      ok: false,
      found: 'WebAssembly SIMD is missing',
      advice: expect.stringMatching(/another machine$/),
    },
  ],
  [
    'a machine with other bits',
    () => kernelsCheck(null, () => dying('its bits are its own')),
    { ok: false, found: 'its bits are its own', advice: expect.stringMatching(/^report this/) },
  ],
] as const) {
  test(`of ${what}`, async () => expect(await check()).toMatchObject(expected))
}

const AT_HOME = new Set(['192.168.1.7'])
for (const [what, answer, mark, ok] of [
  ['strangers come', { type: 'reached', address: '203.0.113.5' }, 'ok  ', true],
  ['nobody comes', { type: 'missed', address: '203.0.113.5', reason: 'deaf' }, 'FAIL', false],
  ['nobody there can tell', { type: 'unseen' }, '?   ', true],
  ['nobody there has time', { type: 'busy' }, '?   ', true],
] as const) {
  test(`${what}: ${mark}, which ${ok ? 'is no fault' : 'is one'}`, () => {
    const check = reachCheck(reachOf(answer, 4001, AT_HOME))
    const [name, found] = rowOf(check)
    expect(name).toBe(`${mark}  reach`)
    expect(found.includes(check.advice)).toBe(true)
    expect(isSound([check])).toBe(ok)
  })
}
