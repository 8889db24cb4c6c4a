/** A volunteer's machine: what stays the same from one session to the next. */
import type { Prng } from '../protocol/index.ts'
import { between, chance, lognormal, normal } from './laws.ts'
import type { Preset } from './presets.ts'
import { type MachineStreams, machineStreams, streamFor } from './streams.ts'

/**
 * Correlates the logarithms of speed and uplink: fast machines are on fast links a little more
 * often.
 */
const SPEED_UPLINK_CORRELATION = 0.2
export const REGIONS = 20
/** Speeds are this many to an octave, so that transfers of one speed share one clock. */
export const SPEEDS_PER_OCTAVE = 8

export interface Host {
  readonly index: number
  readonly preset: Preset
  readonly random: MachineStreams
  /** What this host multiplies its times by. */
  readonly scale: number
  readonly offsetHours: number
  /** Hosts of a region can lose their connection together. */
  readonly region: number
  readonly stepMs: number
  /** Bytes a millisecond. */
  readonly up: number
  readonly down: number
  readonly isRelayed: boolean
  /** One way, ms. */
  readonly latencyMs: number
  /** How fast and how wrong its clock goes. */
  readonly clockRate: number
  readonly clockOffset: number
}

export function createHost(seed: number, index: number, preset: Preset): Host {
  const random = streamFor(seed, 'machine', index)
  const { machine, hostSd, zones } = preset
  const speed = normal(random)
  const uplink =
    SPEED_UPLINK_CORRELATION * speed + Math.sqrt(1 - SPEED_UPLINK_CORRELATION ** 2) * normal(random)
  const up = machine.upMbit.median * Math.exp(machine.upMbit.sd * uplink)
  const isRelayed = chance(random, machine.relayed)
  return {
    index,
    preset,
    random: machineStreams(seed, index),
    scale: hostSd === 0 ? 1 : Math.exp(hostSd * normal(random)),
    offsetHours: zoneOf(random, zones),
    region: Math.floor(between(random, 0, REGIONS)),
    stepMs: machine.stepMs.median * Math.exp(-machine.stepMs.sd * speed),
    up: bytesPerMs(up),
    down: bytesPerMs(up * machine.down.factor * lognormal(random, 1, machine.down.sd)),
    isRelayed,
    latencyMs: lognormal(random, isRelayed ? 60 : 30, 0.5),
    clockRate: 1 + between(random, -1e-4, 1e-4),
    clockOffset: between(random, -3_600_000, 3_600_000),
  }
}

/** What a session multiplies step times and the uplink's speed by. */
export interface Conditions {
  slowness: number
  upFactor: number
}

/** Those of the next session of a machine. */
export function drawConditions({ random, preset }: Host): Conditions {
  const { background, upSessionSd } = preset.machine
  return {
    slowness: chance(random.session, background.share) ? background.factor : 1,
    upFactor: lognormal(random.session, 1, upSessionSd),
  }
}

/** Rounded to a speed of the scale that links know. */
export function bytesPerMs(mbit: number): number {
  const exact = (Math.max(0.01, mbit) * 1e6) / 8 / 1000
  return 2 ** (Math.round(Math.log2(exact) * SPEEDS_PER_OCTAVE) / SPEEDS_PER_OCTAVE)
}

function zoneOf(random: Prng, zones: Preset['zones']): number {
  let rest = between(random, 0, 1)
  for (const { share, offsetHours } of zones) {
    rest -= share
    if (rest < 0) return offsetHours
  }
  return zones.at(-1)!.offsetHours
}
