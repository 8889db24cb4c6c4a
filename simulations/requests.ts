/** Questions to the coordinator: they may get lost either way, and may come twice. */
import { REQUEST_TIMEOUT_MS, type Reply, type Request } from '../protocol/index.ts'
import { chance } from './laws.ts'
import { send } from './network.ts'
import { type Connection, countFailure, type Volunteer, type World } from './world.ts'

/** Null: no answer in time. */
export type Answered = (reply: Reply | null) => void

interface Call {
  readonly world: World
  readonly connection: Connection
  readonly request: Request
  readonly answered: Answered
  readonly sentAt: number
}

/** What comes over a link that is gone is not heard, so `answered` may never be called. */
export function ask(
  world: World,
  { connection, host }: Volunteer,
  request: Request,
  answered: Answered,
): void {
  const { queue, faults } = world
  if (connection === null) return queue.after(1, () => answered(null))
  const call: Call = { world, connection, request, answered, sentAt: queue.now }
  if (isLost(call)) return lose(call)
  send(world, connection, call, arrive, lose)
  if (faults.duplicate === 0 || !chance(host.random.message, faults.duplicate)) return
  countFailure(world, 'duplicate')
  send(world, connection, call, arrive, null)
}

function arrive(call: Call): void {
  call.world.coordinator.ask(call.connection, call.request, (reply) => answer(call, reply))
}

function answer(call: Call, reply: Reply): void {
  if (isLost(call)) lose(call)
  else send(call.world, call.connection, { call, reply }, hear, loseAnswer)
}

interface Answer {
  readonly call: Call
  readonly reply: Reply
}

function hear({ call, reply }: Answer): void {
  if (isHere(call)) call.answered(reply)
}

const loseAnswer = ({ call }: Answer): void => lose(call)

/** Nobody knows, until the time for an answer is over. */
function lose(call: Call): void {
  call.world.queue.at(call.sentAt + REQUEST_TIMEOUT_MS, () => {
    if (isHere(call)) call.answered(null)
  })
}

const isHere = ({ connection }: Call): boolean =>
  connection.isOpen && connection.volunteer.connection === connection

function isLost({ world, connection }: Call): boolean {
  const { requestLoss } = world.faults
  if (requestLoss === 0 || !chance(connection.volunteer.host.random.message, requestLoss))
    return false
  countFailure(world, 'request lost')
  return true
}
