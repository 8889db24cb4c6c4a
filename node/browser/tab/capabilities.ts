/** What a browser can lend, told before anything is fetched. Pure. */
import type { LimitWords } from '../../compute/job.ts'

/** What a page finds around it. */
export interface Surroundings {
  cores: number
  /** Gigabytes that the browser says the device has; undefined: it does not tell. */
  deviceMemory: number | undefined
  /** The page came over https, or from this machine. */
  isSecure: boolean
  /** The headers that isolate it have come through. */
  isIsolated: boolean
  /** Its threads may share memory. */
  sharesMemory: boolean
  /** What the kernels need and its engine has not; null: it has all. */
  missingFeature: string | null
}

export interface Capabilities {
  threads: number
  threadsMax: number
  memoryMegabytes: number
  /** What would let it lend more; null: nothing. */
  hint: string | null
  /** Why it can do nothing with a model; null: it can. */
  obstacle: string | null
}

/** A browser that tells nothing is taken for a small device. */
const MEMORY_GIGABYTES_UNKNOWN = 2
/** WebAssembly reaches no further. */
const MEMORY_MEGABYTES_MAX = 4096
/** Half of what the device has. */
const MEGABYTES_OF_GIGABYTE = 512

export function capabilitiesOf(around: Surroundings): Capabilities {
  const { cores, deviceMemory = MEMORY_GIGABYTES_UNKNOWN, sharesMemory, missingFeature } = around
  const threadsMax = sharesMemory ? cores : 1
  return {
    threads: Math.max(1, Math.floor(threadsMax / 2)),
    threadsMax,
    memoryMegabytes: Math.min(MEMORY_MEGABYTES_MAX, deviceMemory * MEGABYTES_OF_GIGABYTE),
    hint: hintOf(around),
    obstacle:
      missingFeature === null
        ? null
        : `This browser has no ${missingFeature}, which the numbers need. A newer one may have ` +
          'it, or one whose protections do not switch it off.',
  }
}

/** How the page calls what it lends, where that does not suffice for a run. */
export function limitWords(deviceMemory: number | undefined): LimitWords {
  const device =
    deviceMemory === undefined ? '' : `This browser says that the device has ${deviceMemory} GB. `
  return { memory: "'Memory, MB' on this page", threads: "'Cores'", device }
}

function hintOf({ isSecure, isIsolated, sharesMemory }: Surroundings): string | null {
  if (sharesMemory) return null
  if (!isSecure) {
    return (
      'This page came over plain http, so the browser lends one core only and keeps nothing: the ' +
      'base model comes again each time. An https address, or `barnraise join` in a terminal, ' +
      'does better.'
    )
  }
  return isIsolated
    ? 'This browser lets threads of a page share no memory, so it lends one core only.'
    : 'Something between you and the coordinator drops the headers that isolate this page, so ' +
        'the browser lends one core only.'
}
