/**
 * A volunteer in a page: a worker, since timers of a hidden page sleep, and only workers may write
 * to the browser's files in place.
 */
import type { LogLevel } from '../../log.ts'
import { createHost } from '../../network/host.ts'
import { mirrorSource } from '../../network/mirror-source.ts'
import {
  createVolunteer,
  type VolunteerOutcome,
  type VolunteerRole,
} from '../../roles/volunteer.ts'
import { askMirror } from './ask-mirror.ts'
import { loadIdentity } from './key-store.ts'
import type { FromVolunteer, ToVolunteer } from './messages.ts'
import { openStore } from './open-store.ts'
import { eraseBlobs } from './opfs-blob-store.ts'
import './report-rejections.ts'
import { startCompute } from './start-compute.ts'
import { tabGater, tabTransports } from './transports.ts'

let role: VolunteerRole | null = null
/** Why it is to be paused, also before there is anybody to pause. */
let paused: string | null = null

async function start(given: Extract<ToVolunteer, { type: 'start' }>): Promise<void> {
  const { invite, name, limits } = given
  // First, since it tries the machine while all else is made ready.
  const compute = startCompute()
  const identity = await loadIdentity()
  const { blobs, storage } = await openStore()
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: [],
    role: 'volunteer',
    transports: tabTransports(),
    connectionGater: tabGater,
  })
  role = createVolunteer(invite, {
    name,
    limits,
    identity,
    host,
    blobs,
    compute,
    dataBytesMax: null,
    paused,
    software: `barnraise/${__VERSION__} (browser)`,
    log: { debug: () => {}, info: tell('info'), warn: tell('warn'), error: tell('error') },
    findBase: async () => {},
    shareBase: async () => null,
    baseSources: (mirrors) => mirrors.map((mirror) => mirrorSource(mirror, askMirror)),
    onAddresses: (addresses) => post({ type: 'addresses', addresses }),
    onStep: (progress) => post({ type: 'step', ...progress }),
    onTransfer: (progress) => post({ type: 'transfer', ...progress }),
  })
  post({ type: 'started', peer: role.peer, storage })
  const outcome = await untilExit(role)
  post({ type: 'exit', ...outcome })
}

async function untilExit(started: VolunteerRole): Promise<VolunteerOutcome> {
  try {
    return await started.exited
  } finally {
    await started.stop()
    role = null
  }
}

const LOCK = 'barnraise-volunteer'

/** One tab of a browser trains: two would have one key, and end each other's connection. */
async function alone(work: () => Promise<void>): Promise<void> {
  // Only secure contexts have it, whatever the types say.
  const locks = navigator.locks as LockManager | undefined
  if (locks === undefined) return work()
  await locks.request(LOCK, { ifAvailable: true }, (lock) => {
    if (lock === null) throw new Error('Another tab of this browser trains already.')
    return work()
  })
}

function tell(level: LogLevel): (text: string) => void {
  return (text) => post({ type: 'log', level, text })
}

function post(message: FromVolunteer): void {
  postMessage(message)
}

addEventListener('message', ({ data }: MessageEvent<ToVolunteer>) => {
  const fail = (error: Error) => post({ type: 'failed', reason: error.message })
  switch (data.type) {
    case 'start':
      paused = data.paused
      alone(() => start(data)).catch(fail)
      return
    case 'pause':
      paused = data.reason
      return role?.pause(data.reason)
    case 'resume':
      paused = null
      return role?.resume()
    case 'finish':
      return role?.finish('the user finished')
    case 'leave':
      return role?.leave('the user left')
    case 'erase':
      eraseBlobs().then(() => post({ type: 'erased' }), fail)
  }
})
