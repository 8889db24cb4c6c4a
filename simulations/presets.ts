/**
 * Who volunteers, by name: how long they stay, when they come back, how fast they are. The session
 * and absence laws of `seti-like` and the session law of `browser-tabs` are published fits; the
 * other numbers are choices of ours anchored on them, to be swept by half and double. Sources:
 *
 *   seti-like      ON and OFF as in ComBoS's parameter files for SETI@home (Alonso-Monsalve et al.
 *                  2018, ComBoS); result errors as in Kondo et al. 2007
 *   browser-tabs   Weibull sessions of BitTorrent's FlatOut swarm (Stutzbach and Rejaie 2006)
 *   phones-wifi    availability and uplink spread as in FLASH (Yang et al. 2021) and REFL
 *                  (Abdelmoniem et al. 2023): half of the slots last 5 minutes at most
 *   speeds         log-normal, as for BOINC hosts (Heien et al. 2011) and FedScale's PAPAYA fit
 *   host effects   sessions of one host are alike: only one host in five looks independent and
 *                  identically distributed (Javadi et al. 2009), so each scales its times by
 *                  exp N(0, ½)
 */
import type { Law } from './laws.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Log-normal: median, and deviation of the natural logarithm. */
export interface Spread {
  median: number
  sd: number
}

export interface MachineLaw {
  /** Wall time of one local step, ms. */
  stepMs: Spread
  upMbit: Spread
  /** Download speed: the upload's, times this, with a spread of its own. */
  down: { factor: number; sd: number }
  /** Spread of the upload speed from session to session. */
  upSessionSd: number
  /** A session may run in a background tab. */
  background: { share: number; factor: number }
  /** Heat slows a machine down after a while of training. */
  throttle: { afterMs: number; factor: number }
  /** Its owner uses it during this share of the leases. */
  inUse: { share: number; factor: number }
  /**
   * Share of leases whose training fails, and of results that are wrong without anybody noticing.
   */
  failed: number
  corrupt: number
  /** Share of hosts that no one can dial: their bytes go through relays. */
  relayed: number
}

/** When in the day people come: relative intensity, whose mean over a day is 1. */
export type Daily =
  | { shape: 'flat' }
  /** 1 + amplitude · cos */
  | { shape: 'cosine'; amplitude: number; peakHour: number }
  /** exp(concentration · cos) */
  | { shape: 'peak'; concentration: number; peakHour: number }

export interface Preset {
  name: string
  /** Time that a volunteer stays, ms. */
  session: Law
  /** Time until it is back, ms. */
  absence: Law
  /**
   * `pool`: a fixed set of hosts comes and goes for ever. `visitors`: strangers arrive at random,
   * and come back with a probability.
   */
  population:
    | { kind: 'pool' }
    | { kind: 'visitors'; returns: number; burst: { height: number; risesMs: number } | null }
  /** Deviation of the logarithm of what a host multiplies its times by. */
  hostSd: number
  daily: Daily
  /** Shares of hosts by time zone, hours. */
  zones: readonly { share: number; offsetHours: number }[]
  /** How sessions end: with a farewell, asleep, else gone without a word. */
  leaves: number
  sleeps: number
  machine: MachineLaw
}

const HOME: MachineLaw = {
  stepMs: { median: 12 * SECOND, sd: 0.6 },
  upMbit: { median: 6, sd: 0.9 },
  down: { factor: 4, sd: 0 },
  upSessionSd: 0,
  background: { share: 0, factor: 1 },
  throttle: { afterMs: Number.POSITIVE_INFINITY, factor: 1 },
  inUse: { share: 0, factor: 1 },
  failed: 0,
  corrupt: 0,
  relayed: 0.3,
}

const ONE_ZONE = [{ share: 1, offsetHours: 0 }] as const

const SETI_LIKE: Preset = {
  name: 'seti-like',
  session: { law: 'gamma', shape: 0.357, scale: 43.652 * HOUR },
  absence: {
    law: 'hyperexponential',
    phases: [
      { share: 0.338, rate: 0.029 / HOUR },
      { share: 0.39, rate: 30.121 / HOUR },
      { share: 0.272, rate: 1.069 / HOUR },
    ],
  },
  population: { kind: 'pool' },
  hostSd: 0.5,
  daily: { shape: 'cosine', amplitude: 0.2, peakHour: 20 },
  zones: ONE_ZONE,
  leaves: 0.6,
  sleeps: 0.2,
  machine: { ...HOME, failed: 0.02, corrupt: 0.002 },
}

export const EVENING_LAPTOPS: Preset = {
  name: 'evening-laptops',
  session: { law: 'lognormal', median: 50 * MINUTE, sd: 1 },
  absence: { law: 'lognormal', median: 23 * HOUR, sd: 0.1 },
  population: { kind: 'visitors', returns: 0.6, burst: null },
  hostSd: 0.5,
  daily: { shape: 'peak', concentration: 2.5, peakHour: 20.5 },
  zones: [
    { share: 0.6, offsetHours: 0 },
    { share: 0.25, offsetHours: -6 },
    { share: 0.15, offsetHours: 8 },
  ],
  // A lid that is closed says nothing.
  leaves: 0.6,
  sleeps: 0.4,
  machine: { ...HOME, upMbit: { median: 8, sd: 0.8 }, down: { factor: 5, sd: 0 } },
}

const BROWSER_TABS: Preset = {
  name: 'browser-tabs',
  session: { law: 'weibull', shape: 0.59, scale: 41 * MINUTE },
  absence: { law: 'lognormal', median: 2 * HOUR, sd: 1 },
  population: { kind: 'visitors', returns: 0.3, burst: null },
  hostSd: 0.5,
  daily: { shape: 'cosine', amplitude: 0.5, peakHour: 20 },
  zones: ONE_ZONE,
  leaves: 0.4,
  sleeps: 0,
  machine: {
    ...HOME,
    stepMs: { median: 15 * SECOND, sd: 0.9 },
    background: { share: 0.2, factor: 8 },
  },
}

const PHONES_WIFI: Preset = {
  name: 'phones-wifi',
  session: { law: 'lognormal', median: 5 * MINUTE, sd: 1.32 },
  absence: { law: 'lognormal', median: 2 * HOUR, sd: 1.5 },
  population: { kind: 'pool' },
  hostSd: 0.5,
  daily: { shape: 'peak', concentration: 2.5, peakHour: 2 },
  zones: ONE_ZONE,
  leaves: 0.6,
  sleeps: 0,
  machine: {
    ...HOME,
    stepMs: { median: 40 * SECOND, sd: 0.9 },
    upMbit: { median: 10, sd: 0.7 },
    down: { factor: 1.3, sd: 0.42 },
    upSessionSd: 0.385,
    throttle: { afterMs: 10 * MINUTE, factor: 2 },
  },
}

const FLASH_CROWD: Preset = {
  name: 'flash-crowd',
  session: { law: 'weibull', shape: 0.5, scale: 8 * MINUTE },
  absence: { law: 'lognormal', median: 2 * HOUR, sd: 1 },
  population: { kind: 'visitors', returns: 0.05, burst: { height: 50, risesMs: 20 * MINUTE } },
  hostSd: 0.5,
  daily: { shape: 'flat' },
  zones: ONE_ZONE,
  leaves: 0.4,
  sleeps: 0,
  machine: { ...HOME, stepMs: { median: 15 * SECOND, sd: 0.9 } },
}

const DATA_CENTRE_STABLE: Preset = {
  name: 'data-centre-stable',
  session: { law: 'exponential', mean: 30 * DAY },
  absence: { law: 'lognormal', median: 1 * HOUR, sd: 1 },
  population: { kind: 'pool' },
  hostSd: 0,
  daily: { shape: 'flat' },
  zones: ONE_ZONE,
  leaves: 0.1,
  sleeps: 0,
  machine: {
    ...HOME,
    stepMs: { median: 3 * SECOND, sd: 0.05 },
    upMbit: { median: 200, sd: 0.2 },
    down: { factor: 1, sd: 0 },
    relayed: 0,
  },
}

export const PRESETS: readonly Preset[] = [
  SETI_LIKE,
  EVENING_LAPTOPS,
  BROWSER_TABS,
  PHONES_WIFI,
  FLASH_CROWD,
  DATA_CENTRE_STABLE,
]
