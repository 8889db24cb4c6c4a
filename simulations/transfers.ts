/** Blobs on their way: a place first, then the bytes, at the speed that links and neighbours leave. */
import { STREAM_IDLE_TIMEOUT_MS, UPLOAD_SLOT_TIMEOUT_MS } from '../protocol/limits.ts'
import { bytesPerMs } from './hosts.ts'
import { isCut, latencyMs } from './network.ts'
import type { Volunteer, World } from './world.ts'

export interface TransferPlan {
  direction: 'up' | 'down'
  bytes: number
  onDone: () => void
  onFailed: (reason: string) => void
}

export function transfer(world: World, volunteer: Volunteer, plan: TransferPlan): void {
  const { queue, slots } = world
  const { direction, onDone, onFailed } = plan
  let cancelFlow = (): void => {}
  let isOver = false
  const end = (then: () => void): void => {
    if (isOver) return
    isOver = true
    volunteer.transfers.delete(abort)
    cancelFlow()
    leaveSlot()
    then()
  }
  const abort = (reason: string): void => end(() => onFailed(reason))
  volunteer.transfers.add(abort)
  let isWaiting = true
  let leaveSlot = (): void => {}
  leaveSlot = slots[direction].take(() => {
    isWaiting = false
    const { link, speed } = pathOf(world, volunteer, direction)
    const flow = link.start(speed, plan.bytes, () => {
      if (isCut(volunteer)) {
        queue.after(STREAM_IDLE_TIMEOUT_MS, () => abort('the stream is silent'))
        return
      }
      queue.after(latencyMs(world, volunteer), () => end(onDone))
    })
    cancelFlow = flow.cancel
  })
  if (isWaiting) queue.after(UPLOAD_SLOT_TIMEOUT_MS, () => isWaiting && abort('no place is free'))
}

function pathOf({ links }: World, volunteer: Volunteer, direction: 'up' | 'down') {
  const { host, upFactor } = volunteer
  const speed =
    direction === 'down'
      ? host.down
      : upFactor === 1
        ? host.up
        : bytesPerMs((host.up * upFactor * 8 * 1000) / 1e6)
  const relayed = direction === 'up' ? links.relayUp : links.relayDown
  return { link: host.isRelayed ? relayed : links[direction], speed }
}

/** The connection is gone: nothing that is under way arrives, and nobody has to be told. */
export function abortTransfers(volunteer: Volunteer): void {
  for (const abort of volunteer.transfers) abort('the connection is gone')
}
