/**
 * What other programs take of the processor: all that was worked since the last look, but for what
 * this process did, and for what calls itself unimportant (nice), as other volunteers do.
 *
 * The load average would not do: it counts our own threads, waits for disks, and looks minutes
 * back.
 */
import { cpus } from 'node:os'

/** Milliseconds since some time in the past, of all processors together. */
export interface ProcessorTimes {
  total: number
  idle: number
  /** Worked at a low priority; part of the total. */
  nice: number
  ownUser: number
  ownSystem: number
}

export function readProcessorTimes(): ProcessorTimes {
  const times = { total: 0, idle: 0, nice: 0 }
  for (const { times: one } of cpus()) {
    times.total += one.user + one.nice + one.sys + one.idle + one.irq
    times.idle += one.idle
    times.nice += one.nice
  }
  const { user, system } = process.cpuUsage()
  return { ...times, ownUser: user / 1000, ownSystem: system / 1000 }
}

/** The share of all processors, from 0 to 1, that others take; null when no time has passed. */
export function othersShare(before: ProcessorTimes, now: ProcessorTimes): number | null {
  const total = now.total - before.total
  if (total <= 0) return null
  const worked = total - (now.idle - before.idle)
  // What we worked ourselves is among the nice, but where the system does not count those apart.
  const unimportant = Math.max(now.nice - before.nice, now.ownUser - before.ownUser)
  const others = worked - unimportant - (now.ownSystem - before.ownSystem)
  return Math.min(1, Math.max(0, others / total))
}
