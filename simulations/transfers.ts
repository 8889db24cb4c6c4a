/** Blobs on their way: a place first, then the bytes, as fast as links and neighbours let them. */
import { STREAM_IDLE_TIMEOUT_MS, UPLOAD_SLOT_TIMEOUT_MS } from '../protocol/index.ts'
import { bytesPerMs } from './hosts.ts'
import { isCut, latencyMs } from './network.ts'
import type { Transfer, Volunteer, World } from './world.ts'

export interface TransferPlan {
  direction: 'up' | 'down'
  bytes: number
  onDone: () => void
  onFailed: (reason: string) => void
}

export function startTransfer(world: World, volunteer: Volunteer, plan: TransferPlan): void {
  const { direction, onDone, onFailed } = plan
  const transfer: Transfer = { onDone, onFailed, isOver: false, cancel: null, leaveSlot: null }
  volunteer.transfers.add(transfer)
  let isInside = false
  const leaveSlot = world.slots[direction].take(() => {
    isInside = true
    flow(world, volunteer, transfer, plan)
  })
  transfer.leaveSlot = leaveSlot
  if (isInside) return
  world.queue.after(UPLOAD_SLOT_TIMEOUT_MS, () => {
    if (!isInside) abortTransfer(volunteer, transfer, 'no place is free')
  })
}

function flow(world: World, volunteer: Volunteer, transfer: Transfer, plan: TransferPlan): void {
  const { queue } = world
  const { link, speed } = pathOf(world, volunteer, plan.direction)
  transfer.cancel = link.start(speed, plan.bytes, () => {
    if (!isCut(volunteer)) {
      queue.after(latencyMs(world, volunteer), () => {
        if (end(volunteer, transfer)) transfer.onDone()
      })
      return
    }
    queue.after(STREAM_IDLE_TIMEOUT_MS, () => {
      abortTransfer(volunteer, transfer, 'the stream is silent')
    })
  }).cancel
}

/** False when it was over already. */
function end(volunteer: Volunteer, transfer: Transfer): boolean {
  if (transfer.isOver) return false
  transfer.isOver = true
  volunteer.transfers.delete(transfer)
  transfer.cancel?.()
  transfer.leaveSlot?.()
  return true
}

export function abortTransfer(volunteer: Volunteer, transfer: Transfer, reason: string): void {
  if (end(volunteer, transfer)) transfer.onFailed(reason)
}

/** The connection is gone, and all that was under way with it. */
export function abortTransfers(volunteer: Volunteer): void {
  for (const transfer of volunteer.transfers) {
    abortTransfer(volunteer, transfer, 'the connection is gone')
  }
}

function pathOf({ links }: World, { host, upFactor }: Volunteer, direction: 'up' | 'down') {
  const relayed = direction === 'up' ? links.relayUp : links.relayDown
  const link = host.isRelayed ? relayed : links[direction]
  if (direction === 'down') return { link, speed: host.down }
  const speed = upFactor === 1 ? host.up : bytesPerMs((host.up * upFactor * 8 * 1000) / 1e6)
  return { link, speed }
}
