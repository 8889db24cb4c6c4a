/**
 * A volunteer whose machine and link are as told, whatever else this computer does: between two
 * steps it rests, and its bytes wait their turn. A child of studies:
 * LINK NAME CACHE REST_MS UP_MBIT DOWN_MBIT
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { newControl } from '../../kernels/control.ts'
import { type Compute, createCompute } from '../../node/compute/compute.ts'
import { createEngine } from '../../node/compute/engine.ts'
import { createTaskServer } from '../../node/compute/serve-tasks.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import type { FromWorker } from '../../node/compute/task.ts'
import { openBlobWeights } from '../../node/model/weight-file.ts'
import { createHost } from '../../node/network/host.ts'
import { loadIdentity } from '../../node/network/identity-file.ts'
import { parseLink } from '../../node/network/link.ts'
import { localTransports } from '../../node/network/transports.ts'
import { findCachedBase } from '../../node/roles/base-sources.ts'
import { createVolunteer } from '../../node/roles/volunteer.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'

const [link, name, cache, restMs, upMbit, downMbit] = process.argv.slice(2) as [
  string,
  string,
  string,
  ...string[],
]
const invite = parseLink(link)
const log = { debug() {}, info() {}, warn: console.error, error: console.error }
const blobs = await createFileBlobStore(join(cache, 'blobs'))
const identity = await loadIdentity(join(cache, 'identity.key'))
const host = await createHost({
  privateKey: identity.privateKey,
  listen: [],
  role: 'volunteer',
  transports: localTransports(),
})
const volunteer = createVolunteer(
  { ...invite, addresses: [await shaped(invite.addresses)] },
  {
    name,
    software: 'study',
    identity,
    host,
    blobs,
    log,
    compute: resting(Number(restMs)),
    limits: { threads: 1, memoryBytesMax: 2 ** 31 },
    dataBytesMax: null,
    paused: null,
    onStep() {},
    onTransfer() {},
    findBase: (base) => findCachedBase(base, blobs, join(cache, 'hub'), log),
    baseSources: () => [],
    shareBase: async () => null,
  },
)
process.on('SIGINT', () => volunteer.leave('the study says so'))
await volunteer.exited
await volunteer.stop()
process.exit()

/** The kernels in this thread, resting between steps as a slower machine would work. */
function resting(ms: number): Compute {
  const control = newControl()
  const module = new WebAssembly.Module(readFileSync(KERNELS))
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  let listener: (message: FromWorker) => void = () => {}
  const hear = createTaskServer({
    engine: createEngine(module, sha256, openBlobWeights, { control, tiles: startKernels().tiles }),
    post: (message) => listener(message),
    turn: () => delay(ms),
  })
  return createCompute({
    control,
    post: (message) => setImmediate(hear, message),
    onMessage: (added) => {
      listener = added
    },
    onEnd() {},
    terminate: async () => {},
  })
}

/** Where to dial instead of the first address, TCP before WebSockets. */
async function shaped(addresses: readonly string[]): Promise<string> {
  const [first] = addresses
  const tcp = addresses.find((address) => !address.includes('/ws')) ?? first!
  const port = Number(/\/tcp\/(\d+)/.exec(tcp)![1])
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    const cut = () => far.destroy() && near.destroy()
    pump(near, far, Number(upMbit)).catch(cut)
    pump(far, near, Number(downMbit)).catch(cut)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: own } = server.address() as { port: number }
  return tcp.replace(/^\/(ip4|dns4?)\/[^/]+\/tcp\/\d+/, `/ip4/127.0.0.1/tcp/${own}`)
}

async function pump(from: Socket, to: Socket, mbit: number): Promise<void> {
  from.on('error', () => to.destroy())
  from.on('close', () => to.destroy())
  let freeAt = performance.now()
  for await (const piece of from) {
    const { length } = piece as Buffer
    freeAt = Math.max(freeAt, performance.now()) + length / (mbit * 125)
    await delay(Math.max(0, freeAt - performance.now()))
    if (!to.write(piece as Buffer)) await new Promise((resolve) => to.once('drain', resolve))
  }
}
