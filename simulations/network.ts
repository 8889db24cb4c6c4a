/**
 * What lies between a volunteer and the coordinator: connections that break, messages that take
 * time or don't arrive, and silence that each side notices in its own time.
 */
import { between, chance, lognormal } from './laws.ts'
import { type Connection, countFailure, type Volunteer, type World } from './world.ts'

/**
 * When the coordinator notices that a peer is silent: pings come every minute and may take 20 s.
 */
const SILENCE_MS_MIN = 20_000
const SILENCE_MS_MAX = 80_000
/** Latencies vary by this factor about their median, in the logarithm. */
const LATENCY_SD = 0.3

export const isCut = ({ cuts }: Volunteer): boolean => cuts > 0

export function latencyMs(world: World, { host }: Volunteer): number {
  const { faults } = world
  const { link, message } = host.random
  const ms = lognormal(link, host.latencyMs, LATENCY_SD)
  if (faults.delay === 0 || !chance(message, faults.delay)) return ms
  countFailure(world, 'delay')
  return ms + between(message, 0, faults.delayMs)
}

/**
 * Hands `what` to `arrive` when it has got through, else to `lose`. Both are functions of a module,
 * not closures: tens of millions of messages pass here.
 */
export function send<What>(
  world: World,
  connection: Connection,
  what: What,
  arrive: (what: What) => void,
  lose: ((what: What) => void) | null,
): void {
  const { volunteer } = connection
  world.queue.after(latencyMs(world, volunteer), () => {
    if (connection.isOpen && !isCut(volunteer) && world.coordinator.isUp) arrive(what)
    else lose?.(what)
  })
}

/** The volunteer's side is gone: `politely` when its system still said so. */
export function endConnection(world: World, connection: Connection, politely: boolean): void {
  if (!connection.isOpen) return
  connection.isOpen = false
  const { volunteer } = connection
  const isHeard = politely && !isCut(volunteer)
  const ms = isHeard
    ? latencyMs(world, volunteer)
    : between(volunteer.host.random.link, SILENCE_MS_MIN, SILENCE_MS_MAX)
  world.queue.after(ms, () => world.coordinator.lose(connection))
}

/** Nothing gets through to this volunteer or from it, until `mend`. */
export function cut(world: World, volunteer: Volunteer): void {
  volunteer.cuts += 1
  const { connection } = volunteer
  if (connection === null || volunteer.cuts > 1) return
  world.queue.after(between(volunteer.host.random.link, SILENCE_MS_MIN, SILENCE_MS_MAX), () => {
    if (isCut(volunteer)) world.coordinator.lose(connection)
  })
}

export function mend(volunteer: Volunteer): void {
  volunteer.cuts -= 1
}
