/** Lets faults happen at the rates drawn for the run, until they are switched off. */
import type { Prng } from '../protocol/index.ts'
import type { FaultRates } from './faults.ts'
import { REGIONS } from './hosts.ts'
import { between, chance, exponential, lognormal } from './laws.ts'
import { cut, mend } from './network.ts'
import { streamFor } from './streams.ts'
import { kill, startSilence } from './volunteer.ts'
import { countFailure, type Machine, type World } from './world.ts'

const HOUR = 3_600_000
const REGIONS_LOST_MAX = 4
/** Links that a swizzle stops, at intervals of up to so long. */
const SWIZZLE_LINKS_MAX = 8
const SWIZZLE_MS = 10_000
/** A process that was killed is back after this long, in the median. */
const RESTART_MS = 60_000

/** Each kind of fault, at times and of a kind that no policy moves. */
export function driveFaults(world: World): void {
  const { seed } = world
  repeat(world, streamFor(seed, 'partition'), 'partitions', partition)
  repeat(world, streamFor(seed, 'swizzle'), 'swizzles', swizzle)
  repeat(world, streamFor(seed, 'crash'), 'crashes', ({ coordinator, faults }, random) =>
    coordinator.crash(between(random, 0, faults.crashMs)),
  )
}

/** The processes of a machine that has come die now and then. */
export function driveKills(world: World, machine: Machine): void {
  repeat(world, machine.host.random.kill, 'kills', ({ faults }, random) => {
    const losesDisk = chance(random, faults.diskLoss)
    const restartMs = lognormal(random, RESTART_MS, 1)
    for (const volunteer of machine.identities) kill(world, volunteer, { losesDisk, restartMs })
  })
}

type Happen = (world: World, random: Prng) => void

/** Again and again at a rate an hour, as long as there is one. */
function repeat(world: World, random: Prng, name: keyof FaultRates, happen: Happen): void {
  const rate = world.faults[name]
  if (rate === 0) return
  world.queue.after(exponential(random, HOUR / rate), () => {
    if (world.faults[name] === 0) return
    happen(world, random)
    repeat(world, random, name, happen)
  })
}

/** One to four regions drop out of the network together. */
function partition(world: World, random: Prng): void {
  const { machines, faults, queue } = world
  const first = Math.floor(between(random, 0, REGIONS))
  const count = 1 + Math.floor(between(random, 0, REGIONS_LOST_MAX))
  countFailure(world, 'partition')
  const lost = [...machines.values()].filter(
    ({ host }) => (host.region - first + REGIONS) % REGIONS < count,
  )
  const stopped = lost.map((machine) => stopLink(world, machine))
  queue.after(lognormal(random, faults.partitionMs, 1), () => {
    for (const start of stopped) start()
  })
}

/** Links stop one by one and recover in another order. */
function swizzle(world: World, random: Prng): void {
  const { queue } = world
  countFailure(world, 'swizzle')
  const machines = [...world.machines.values()]
  const links = Math.floor(between(random, 1, SWIZZLE_LINKS_MAX))
  for (let link = 0; link < links; link++) {
    const machine = machines[Math.floor(between(random, 0, machines.length))]
    if (machine === undefined) return
    const endsMs = (links + between(random, 0, links)) * SWIZZLE_MS
    queue.after(link * between(random, 0, SWIZZLE_MS), () => {
      const startAgain = stopLink(world, machine)
      queue.after(endsMs, startAgain)
    })
  }
}

/** Returns what starts it again. */
function stopLink(world: World, { identities }: Machine): () => void {
  const stopped = [...identities]
  for (const volunteer of stopped) {
    cut(world, volunteer)
    startSilence(world, volunteer)
  }
  return () => stopped.forEach(mend)
}
