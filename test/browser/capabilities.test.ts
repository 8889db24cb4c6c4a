/** What a browser is taken to lend, and what it is told of the rest. */
import { expect, test } from 'vitest'
import { capabilitiesOf, type Surroundings } from '../../node/browser/tab/capabilities.ts'

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
