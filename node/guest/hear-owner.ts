/** Does what the owner's commands ask of a volunteer. */
import { assertNever } from '../../protocol/errors.ts'
import type { VolunteerRole } from '../roles/volunteer.ts'
import type { ControlRequest, VolunteerStatus } from './control.ts'
import { serveControl } from './control-socket.ts'
import type { Guest } from './guest.ts'

/** What the volunteer and its guest do not know of themselves. */
type Described = Pick<VolunteerStatus, 'name' | 'steps' | 'stepMs' | 'threads' | 'memoryBytesMax'>

/**
 * Until the function that it returns is called.
 * @param folder of the sockets of this user's volunteers
 * @throws when no socket can be made there
 */
export function hearOwner(
  folder: string,
  guest: Guest<VolunteerRole>,
  describe: () => Described,
): Promise<() => Promise<void>> {
  const { role } = guest
  return serveControl(folder, process.pid, (request) => {
    follow(guest, request)
    return {
      ...{ pid: process.pid, ...describe(), ...guest.standing() },
      ...{ peer: role.peer, run: role.run(), activity: role.activity() },
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
