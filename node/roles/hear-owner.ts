/** Does what the owner's commands ask of a volunteer. */
import { assertNever } from '../../protocol/index.ts'
import type { ControlRequest, VolunteerStatus } from '../guest/control.ts'
import { serveControl } from '../guest/control-socket.ts'
import type { Guest } from '../guest/guest.ts'
import type { VolunteerRole } from './volunteer.ts'

/** What the volunteer and its guest do not know of themselves. */
type Described = Pick<VolunteerStatus, 'steps' | 'stepMs' | 'threads' | 'memoryBytesMax'>

/**
 * Returns the function that ends it.
 * @param folder of the sockets of this user's volunteers
 * @throws when no socket can be made there
 */
export function hearOwner(
  folder: string,
  guest: Guest<VolunteerRole>,
  describe: () => Described,
): Promise<() => Promise<void>> {
  const { role } = guest
  return serveControl(folder, process.pid, async (request) => {
    follow(guest, request)
    const credit = await role.credit()
    return {
      ...describe(),
      ...guest.standing(),
      pid: process.pid,
      name: role.name,
      peer: role.peer,
      run: role.run(),
      way: role.way(),
      activity: role.activity(),
      credit,
    }
  })
}

function follow({ role, ...guest }: Guest<VolunteerRole>, request: ControlRequest): void {
  switch (request.command) {
    case 'status':
      return
    case 'pause':
      return guest.pause(request.ms)
    case 'resume':
      return guest.resume(request.anyway)
    case 'finish':
      return role.finish('asked to finish')
    case 'leave':
      return role.leave('asked to leave')
    default:
      return assertNever(request)
  }
}
