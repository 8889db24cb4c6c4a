/**
 * A coordinator and its volunteers stepped against each other on a virtual clock: a tiny world with
 * latency, broken links, deaths and restarts, which performs every effect the way the shells do.
 */
import { nextFraction, type Prng, prng } from '../../protocol/prng.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts'
import { createVirtualCoordinator, type VirtualCoordinator } from './virtual-coordinator.ts'
import {
  createVirtualVolunteer,
  type VirtualVolunteer,
  type VolunteerSpec,
} from './virtual-volunteer.ts'

export interface NetworkOptions {
  config: RunConfig
  volunteers: VolunteerSpec[]
  seed?: number
  latencyMs?: number
}

export interface VirtualNetwork {
  readonly clock: VirtualClock
  readonly random: Prng
  readonly coordinator: VirtualCoordinator
  readonly logs: string[]
  volunteer(name: string): VirtualVolunteer
  add(spec: VolunteerSpec): void
}

export function createVirtualNetwork(options: NetworkOptions): VirtualNetwork {
  const { config, seed = 1, latencyMs = 20 } = options
  const clock = createVirtualClock()
  const random = prng(seed)
  const logs: string[] = []
  const log = (text: string) => void logs.push(`${Math.round(clock.now)} ${text}`)
  const latency = () => latencyMs * (0.5 + nextFraction(random))
  const volunteers = new Map<string, VirtualVolunteer>()
  const coordinator = createVirtualCoordinator({
    config,
    clock,
    log,
    send: (to, notice) => {
      for (const volunteer of volunteers.values()) {
        const isMeant = to === 'all' ? coordinator.state.members.has(volunteer.name) : false
        if (isMeant || to === volunteer.name) volunteer.notify(notice)
      }
    },
    hangUp: (peer) => volunteers.get(peer)?.breakLink(),
    onDown: () => {
      for (const volunteer of volunteers.values()) volunteer.breakLink()
    },
  })
  const network: VirtualNetwork = {
    clock,
    random,
    coordinator,
    logs,
    volunteer: (name) => volunteers.get(name)!,
    add: (spec) => {
      const world = { clock, coordinator, seed, latency, log }
      const volunteer = createVirtualVolunteer(spec, world)
      volunteers.set(spec.name, volunteer)
      volunteer.start()
    },
  }
  coordinator.start()
  for (const spec of options.volunteers) network.add(spec)
  return network
}
