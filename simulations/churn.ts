/**
 * Who is there, and when: hosts come, stay for a session, and go, by a preset's laws or as in a
 * trace. Everything a host draws here comes from streams that nothing else draws from, so that two
 * policies meet the same sessions.
 */
import type { Prng } from '../protocol/index.ts'
import { createRhythm, type Rhythm } from './daily.ts'
import type { EventQueue } from './event-queue.ts'
import { type Conditions, createHost, drawConditions, type Host } from './hosts.ts'
import {
  between,
  chance,
  draw,
  drawLengthBiased,
  exponential,
  gamma,
  type Law,
  mean,
  poisson,
} from './laws.ts'
import type { Preset } from './presets.ts'
import { streamFor } from './streams.ts'

export type SessionEnd = 'leave' | 'sleep' | 'crash' | 'vanish'

export interface Session extends Conditions {
  host: Host
  startsAt: number
  endsAt: number
  end: SessionEnd
}

/** So many volunteers of a kind, online at once in the mean over the horizon. */
export interface Crowd {
  preset: Preset
  volunteers: number
}

export interface Churn {
  /** Tells of each session when it starts. */
  start(queue: EventQueue, onSession: (session: Session) => void): void
}

/** When strangers all come at once, the first are there after this share of the horizon. */
const BURST_AT = 0.1

export function churnOf(seed: number, crowds: readonly Crowd[], horizonMs: number): Churn {
  return {
    start: (queue, onSession) => {
      let hostCount = 0
      const world: World = {
        queue,
        horizonMs,
        onSession,
        newHost: (preset) => createHost(seed, hostCount++, preset),
        rhythms: new Map(),
      }
      crowds.forEach((crowd, index) => {
        const random = streamFor(seed, 'arrival', index)
        if (crowd.preset.population.kind === 'pool') startPool(world, crowd)
        else startVisitors(world, crowd, crowd.preset.population, random)
      })
    },
  }
}

interface World {
  queue: EventQueue
  horizonMs: number
  onSession: (session: Session) => void
  newHost(preset: Preset): Host
  rhythms: Map<string, Rhythm>
}

type Visitors = Extract<Preset['population'], { kind: 'visitors' }>

function rhythmOf(world: World, preset: Preset, offsetHours: number): Rhythm {
  const key = `${preset.name} ${offsetHours}`
  const known = world.rhythms.get(key)
  if (known !== undefined) return known
  const rhythm = createRhythm(preset.daily, offsetHours)
  world.rhythms.set(key, rhythm)
  return rhythm
}

/** Share of time that a host of a pool is there. */
export function availabilityOf({ session, absence }: Preset): number {
  return mean(session) / (mean(session) + mean(absence))
}

/** Mean of the factor that hosts multiply their times by. */
export const hostFactorMean = ({ hostSd }: Preset): number => Math.exp(hostSd ** 2 / 2)

function startPool(world: World, { preset, volunteers }: Crowd): void {
  const availability = availabilityOf(preset)
  const hosts = Math.round(volunteers / availability)
  for (let index = 0; index < hosts; index++) {
    const host = world.newHost(preset)
    // In the middle of whatever it is doing: a random moment falls into long times more often.
    if (chance(host.random.churn, availability)) begin(world, host, residual(host, preset.session))
    else world.queue.after(residual(host, preset.absence), () => begin(world, host, null))
  }
}

function residual({ random, scale }: Host, law: Law): number {
  return scale * drawLengthBiased(random.churn, law) * between(random.churn, 0, 1)
}

/** Strangers a millisecond, so that as many are online as wanted: Little's law. */
export function arrivalRate({ preset, volunteers }: Crowd, horizonMs: number): number {
  const { population, session } = preset
  if (population.kind === 'pool') throw new Error('a pool has no arrivals')
  const { returns, burst } = population
  const visitMs = (mean(session) * hostFactorMean(preset)) / (1 - returns)
  const burstShare = burst === null ? 0 : (burst.height * burst.risesMs * Math.E) / horizonMs
  return volunteers / (visitMs * (1 + burstShare))
}

function startVisitors(
  world: World,
  crowd: Crowd,
  { returns, burst }: Visitors,
  random: Prng,
): void {
  const { preset } = crowd
  const { queue, horizonMs } = world
  const rate = arrivalRate(crowd, horizonMs)
  const visits = (rate * hostFactorMean(preset)) / (1 - returns)
  const online = visits * mean(preset.session)
  const absent = visits * returns * mean(preset.absence)
  for (const { share, offsetHours } of preset.zones) {
    const rhythm = rhythmOf(world, preset, offsetHours)
    const arrive = (): void => {
      begin(world, world.newHost(preset), null)
      queue.at(rhythm.advance(queue.now, exponential(random, 1 / (rate * share))), arrive)
    }
    queue.at(rhythm.advance(queue.now, exponential(random, 1 / (rate * share))), arrive)
    // Hosts that stay, or are away, for long are met more often: the log-normal factor in
    // proportion to itself.
    const met = (): Host => {
      const host = world.newHost(preset)
      return { ...host, scale: host.scale * Math.exp(preset.hostSd ** 2) }
    }
    const already = poisson(random, online * share * rhythm.intensityAt(queue.now))
    for (let index = 0; index < already; index++) {
      const host = met()
      begin(world, host, residual(host, preset.session))
    }
    const away = poisson(random, absent * share)
    for (let index = 0; index < away; index++) {
      const host = met()
      queue.at(rhythm.advance(queue.now, residual(host, preset.absence)), () =>
        begin(world, host, null),
      )
    }
  }
  if (burst === null) return
  const crowdSize = poisson(random, rate * burst.height * burst.risesMs * Math.E)
  for (let index = 0; index < crowdSize; index++) {
    const at = BURST_AT * horizonMs + burst.risesMs * gamma(random, 2)
    queue.at(at, () => begin(world, world.newHost(preset), null))
  }
}

/** A session of a given length, or one drawn. */
function begin(world: World, host: Host, lengthMs: number | null): void {
  const { queue, onSession } = world
  const { preset, scale } = host
  const random = host.random.churn
  const startsAt = queue.now
  const endsAt = startsAt + (lengthMs ?? scale * draw(random, preset.session))
  const fate = between(random, 0, 1)
  const { leaves, sleeps, population } = preset
  const end = fate < leaves ? 'leave' : fate < leaves + sleeps ? 'sleep' : 'vanish'
  onSession({ host, startsAt, endsAt, end, ...drawConditions(host) })
  if (population.kind === 'visitors' && !chance(random, population.returns)) return
  const rhythm = rhythmOf(world, preset, host.offsetHours)
  queue.at(rhythm.advance(endsAt, scale * draw(random, preset.absence)), () =>
    begin(world, host, null),
  )
}
