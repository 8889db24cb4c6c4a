/** The organiser's own commands, between them and the process that hosts the run. */
import type { RunId } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { askSocket, serveSocket } from '../guest/control-socket.ts'
import { orderSchema } from '../roles/order-schema.ts'
import type { Order, OrderResult } from '../roles/orders.ts'
import { controlFolder } from './control.ts'
import { CommandFailure } from './failure.ts'

/** Letters of a RunId that name its socket. */
const RUN_SHOWN = 16
const socketOf = (runId: RunId): string => `run-${runId.slice(0, RUN_SHOWN)}`

/** Hears orders until the function that it returns is called. */
export function serveOrders(
  runId: RunId,
  follow: (order: Order) => Promise<OrderResult>,
): Promise<() => Promise<void>> {
  return serveSocket(controlFolder(), socketOf(runId), async (value) => {
    const order = orderSchema.safeParse(value)
    return order.success ? follow(order.data) : { error: 'it is no order of this version' }
  })
}

/** null: nobody hosts the run on this machine. */
export async function askHost(runId: RunId, order: Order): Promise<OrderResult | null> {
  const reply = await askSocket(controlFolder(), socketOf(runId), order)
  if (reply === null) return null
  if (typeof reply === 'object' && 'error' in reply) {
    throw new CommandFailure(EXIT.failure, `the host did not follow: ${reply.error}`)
  }
  return reply as OrderResult
}
