/** Training on a simulated machine: it takes the time it takes, stops between steps, may break. */
import { type Lease, type Prng, STEP_MS_MAX } from '../protocol/index.ts'
import type { Cause } from './accounts.ts'
import { chance, lognormal } from './laws.ts'
import { handIn } from './lies.ts'
import { countFailure, type Training, type Volunteer, type World } from './world.ts'

/** Step times of one machine vary from lease to lease. */
const STEP_SD = 0.05
const SIGNATURE = new Uint8Array(64)

export function startTraining(world: World, volunteer: Volunteer, lease: Lease): void {
  if (volunteer.culprit?.attacker.withholds) return
  const { random, preset } = volunteer.host
  const stepMs = stepMsOf(world, volunteer, random.lease)
  const breaks = chance(random.lease, world.faults.trainingFails)
  if (breaks) countFailure(world, 'training failed')
  const training: Training = {
    lease,
    stepMs,
    fails: chance(random.lease, preset.machine.failed) || breaks,
    steps: lease.steps,
    pausedMs: 0,
    cutAt: null,
    since: world.queue.now,
  }
  volunteer.training = training
  scheduleEnd(world, volunteer, training)
}

export function stepMsOf(
  { queue }: World,
  { host, session, slowness, culprit }: Volunteer,
  random: Prng,
): number {
  const { throttle, inUse } = host.preset.machine
  const isHot = session !== null && queue.now - session.startsAt > throttle.afterMs
  const isUsed = chance(random, inUse.share)
  const factor = slowness * (isHot ? throttle.factor : 1) * (isUsed ? inUse.factor : 1)
  const stepMs = host.stepMs * factor * lognormal(random, 1, STEP_SD)
  return Math.min(STEP_MS_MAX, stepMs * (culprit?.attacker.identities ?? 1))
}

/** Cut short, it ends now, however far it was. */
function endOf({ options }: World, { since, steps, stepMs, pausedMs, cutAt }: Training): number {
  return (cutAt ?? since + steps * stepMs - pausedMs) + options.leaseMs
}

function scheduleEnd(world: World, volunteer: Volunteer, training: Training): void {
  const endsAt = endOf(world, training)
  world.queue.at(endsAt, () => {
    if (volunteer.training === training && endOf(world, training) === endsAt) {
      finish(world, volunteer, training)
    }
  })
}

function finish(world: World, volunteer: Volunteer, training: Training): void {
  const { lease, steps, stepMs, pausedMs, cutAt, since } = training
  const { leaseId, round, base, firstBatch } = lease
  const ms = Math.max(0, steps * stepMs - pausedMs)
  const cutMs = cutAt === null ? 0 : Math.max(0, cutAt - since - ms)
  volunteer.training = null
  world.accounts.waste('departed', cutMs)
  world.accounts.waste('loading', world.queue.now - since - ms - cutMs)
  if (training.fails) {
    world.accounts.waste('failed', ms)
    const [cause, reason] = ['machine', 'memory gave other bits'] as const
    return world.feed(volunteer, { type: 'training-failed', at: 0, leaseId, cause, reason })
  }
  if (steps === 0) {
    world.accounts.waste('failed', ms)
    return world.feed(volunteer, { type: 'training-empty', at: 0, leaseId })
  }
  const { state, peer } = volunteer
  const isGone = () => volunteer.state !== state || !volunteer.isAwake
  world.accounts.done(leaseId, round, ms, isGone)
  const contribution = {
    runId: world.runId,
    round,
    leaseId,
    peer,
    base,
    firstBatch,
    steps,
    stepMs,
    ...handIn(world, volunteer, lease, steps),
  }
  world.feed(volunteer, { type: 'trained', at: 0, leaseId, contribution, signature: SIGNATURE })
}

/** Ends after the step in progress, with at least one, or in the middle of it. */
export function stopTraining(world: World, volunteer: Volunteer, when: 'after-step' | 'now'): void {
  const { training } = volunteer
  if (training === null) return
  const elapsed = training.pausedMs + world.queue.now - training.since
  const done = Math.floor(elapsed / training.stepMs)
  if (when === 'now') training.cutAt = world.queue.now
  training.steps = Math.min(training.steps, when === 'now' ? done : done + 1)
  scheduleEnd(world, volunteer, training)
}

/** What was trained is lost. */
export function endTraining(world: World, volunteer: Volunteer, cause: Cause): void {
  const { training } = volunteer
  if (training === null) return
  volunteer.training = null
  const isRunning = Number.isFinite(training.since)
  world.accounts.waste(cause, isRunning ? world.queue.now - training.since : 0)
}

/** Time is over: nobody knows what would have come of it. */
export function leaveUnfinished({ queue, accounts }: World, { training }: Volunteer): void {
  if (training === null || !Number.isFinite(training.since)) return
  accounts.waste('unfinished', queue.now - training.since)
  training.since = queue.now
}

/** The machine falls asleep: what is done so far may be too late when it wakes, or never wake. */
export function pauseTraining(world: World, { training }: Volunteer): void {
  if (training === null) return
  const ms = world.queue.now - training.since
  world.accounts.waste('departed', ms)
  training.pausedMs += ms
  training.since = Number.POSITIVE_INFINITY
}

export function resumeTraining(world: World, volunteer: Volunteer): void {
  const { training } = volunteer
  if (training === null) return
  training.since = world.queue.now
  scheduleEnd(world, volunteer, training)
}
