/** What the doctor says of the kernels. */
import { expect, test } from 'vitest'
import { kernelsCheck } from '../../node/cli/doctor.ts'
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
