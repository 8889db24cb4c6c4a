/** What a browser is taken to lend, and what it is told of the rest. */
import { expect, test } from 'vitest'
import {
  capabilitiesOf,
  limitWords,
  type Surroundings,
} from '../../node/browser/tab/capabilities.ts'
import { fitJob } from '../../node/compute/job.ts'
import { DEFAULT_RUN } from '../../simulations/run-settings.ts'

const LAPTOP: Surroundings = {
  cores: 8,
  deviceMemory: 8,
  isSecure: true,
  isIsolated: true,
  sharesMemory: true,
  missingFeature: null,
}
const ALONE = { isIsolated: false, sharesMemory: false }

for (const [what, around, threads, threadsMax, memoryMegabytes] of [
  ['a laptop', {}, 4, 8, 4096],
  ['one that tells little of its memory', { deviceMemory: undefined }, 4, 8, 1024],
  ['a phone', { cores: 4, deviceMemory: 4 }, 2, 4, 2048],
  ['one with a single core', { cores: 1 }, 1, 1, 4096],
  ['one with much memory', { deviceMemory: 32 }, 4, 8, 4096],
  ['one whose threads share nothing', { sharesMemory: false }, 1, 1, 4096],
  ['a page that came over http', { ...ALONE, isSecure: false }, 1, 1, 4096],
] as [string, Partial<Surroundings>, number, number, number][]) {
  test(`${what} lends ${threads} of ${threadsMax} cores and ${memoryMegabytes} MB`, () => {
    expect(capabilitiesOf({ ...LAPTOP, ...around })).toMatchObject({
      threads,
      threadsMax,
      memoryMegabytes,
    })
  })
}

for (const [what, around, hint] of [
  ['all is well', {}, null],
  ['it came over http', { ...ALONE, isSecure: false }, /^This page came over plain http/],
  ['the headers were dropped', ALONE, /drops the headers that isolate this page/],
  ['the engine shares nothing', { sharesMemory: false }, /lets threads of a page share no memory/],
] as [string, Partial<Surroundings>, RegExp | null][]) {
  test(`where ${what}, the hint is ${hint ?? 'none'}`, () => {
    const given = capabilitiesOf({ ...LAPTOP, ...around }).hint
    if (hint === null) expect(given).toBeNull()
    else expect(given).toMatch(hint)
  })
}

for (const [missingFeature, obstacle] of [
  [null, null],
  ['WebAssembly SIMD', expect.stringMatching(/^This browser has no WebAssembly SIMD, which/)],
  ['WebAssembly', expect.stringMatching(/^This browser has no WebAssembly, which/)],
] as const) {
  test(`an engine that lacks ${missingFeature ?? 'nothing'} is told so`, () => {
    expect(capabilitiesOf({ ...LAPTOP, missingFeature }).obstacle).toEqual(obstacle)
  })
}

for (const [deviceMemory, device] of [
  [1, 'This browser says that the device has 1 GB. '],
  [undefined, ''],
] as const) {
  test(`a device of ${deviceMemory ?? 'unknown'} GB hears what is needed, and what it has`, () => {
    const limits = { threads: 1, memoryBytesMax: 100e6, words: limitWords(deviceMemory) }
    expect(() => fitJob(DEFAULT_RUN, limits)).toThrow(
      `current value is 100 MB. ${device}Allow more, or take fewer 'Cores'.`,
    )
    expect(() => fitJob(DEFAULT_RUN, limits)).toThrow(
      /^Cannot train for this run as 'Memory, MB' on this page must be at least \d+ MB: /,
    )
  })
}
