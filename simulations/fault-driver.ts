/** Lets faults happen at the rates drawn for the run, until they are switched off. */
import { REGIONS } from './hosts.ts'
import { between, chance, exponential, lognormal } from './laws.ts'
import { cut, mend } from './network.ts'
import { kill, startSilence } from './volunteer.ts'
import { countFailure, type Volunteer, type World } from './world.ts'

const HOUR = 3_600_000
const REGIONS_LOST_MAX = 4
/** Links that a swizzle stops, at intervals of up to so long. */
const SWIZZLE_LINKS_MAX = 8
const SWIZZLE_MS = 10_000

export function driveFaults(world: World): void {
  repeat(world, ({ kills }) => kills * Math.max(1, world.volunteers.length), killOne)
  repeat(world, ({ partitions }) => partitions, partition)
  repeat(world, ({ swizzles }) => swizzles, swizzle)
  repeat(
    world,
    ({ crashes }) => crashes,
    () => world.coordinator.crash(between(world.random, 0, world.faults.crashMs)),
  )
}

/** Again and again at a rate an hour, as long as there is one. */
function repeat(world: World, rateOf: (faults: World['faults']) => number, happen: Happen): void {
  const rate = rateOf(world.faults)
  if (rate === 0) return
  world.queue.after(exponential(world.random, HOUR / rate), () => {
    if (rateOf(world.faults) === 0) return
    happen(world)
    repeat(world, rateOf, happen)
  })
}

type Happen = (world: World) => void

function pick({ random, volunteers }: World): Volunteer | undefined {
  return volunteers[Math.floor(between(random, 0, volunteers.length))]
}

function killOne(world: World): void {
  const volunteer = pick(world)
  if (volunteer !== undefined) kill(world, volunteer, chance(world.random, world.faults.diskLoss))
}

/** One to four regions drop out of the network together. */
function partition(world: World): void {
  const { random, volunteers, faults, queue } = world
  const first = Math.floor(between(random, 0, REGIONS))
  const count = 1 + Math.floor(between(random, 0, REGIONS_LOST_MAX))
  countFailure(world, 'partition')
  const lost = volunteers.filter(({ host }) => (host.region - first + REGIONS) % REGIONS < count)
  for (const volunteer of lost) stopLink(world, volunteer)
  queue.after(lognormal(random, faults.partitionMs, 1), () => lost.forEach(mend))
}

/** Links stop one by one and recover in another order. */
function swizzle(world: World): void {
  const { random, queue } = world
  countFailure(world, 'swizzle')
  const links = Math.floor(between(random, 1, SWIZZLE_LINKS_MAX))
  for (let link = 0; link < links; link++) {
    const volunteer = pick(world)
    if (volunteer === undefined) return
    queue.after(link * between(random, 0, SWIZZLE_MS), () => stopLink(world, volunteer))
    queue.after((links + between(random, 0, links)) * SWIZZLE_MS, () => mend(volunteer))
  }
}

function stopLink(world: World, volunteer: Volunteer): void {
  cut(world, volunteer)
  startSilence(world, volunteer)
}
