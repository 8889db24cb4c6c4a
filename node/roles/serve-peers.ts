/** What peers are answered: their requests, and the blobs that they fetch and bring. */
import type { Connection } from '@libp2p/interface'
import type { CoordinatorState } from '../../coordinator/index.ts'
import type { PeerId, Reply } from '../../protocol/index.ts'
import type { ReadModel } from '../history/read-model.ts'
import { serveBlobs } from '../network/blobs.ts'
import { closeDead, keepOnly } from '../network/connection-guard.ts'
import { serveDialBack } from '../network/dial-back.ts'
import type { Host } from '../network/host.ts'
import { serveRequests } from '../network/rpc.ts'
import { type Way, wayOf } from '../network/way.ts'
import { type MergeWorld, measurePayload } from '../run/merge-round.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { type Admission, judgeToken, withSoftware } from './admission.ts'
import type { CoordinatorShell } from './coordinator-shell.ts'
import { mayServe } from './door.ts'
import { isGenuine } from './genuine.ts'
import { createOrigins } from './origin.ts'
import { withMirrors } from './told-mirrors.ts'

interface ServedRun extends Admission, MergeWorld {
  state: CoordinatorState
  blobs: BlobStore
  dashboard: ReadModel
}

interface PeerListeners {
  shell: CoordinatorShell
  /** Web addresses that have the base as well. */
  mirrors: readonly string[]
  onJoined(peer: PeerId, way: Way): void
  onError(error: Error): void
}

/**
 * What peers do: the state machine answers requests, and says who may move which blob. Resolves
 * with what waits for the end of all transfers.
 */
export async function servePeers(
  host: Host,
  run: ServedRun,
  { shell, mirrors, onJoined, onError }: PeerListeners,
): Promise<() => Promise<void>> {
  const { blobs, state, config, dashboard } = run
  host.addEventListener('peer:disconnect', ({ detail }) =>
    shell.feed({ type: 'disconnected', peer: detail.toString() }),
  )
  const originOf = createOrigins()
  await serveDialBack(host)
  await serveRequests(
    host,
    async (peer, request, _signal, connection) => {
      if (request.type !== 'join') {
        return shell.ask(peer, request, await isGenuine(peer, request))
      }
      const { genuine, ...invited } = await judgeToken(run, request.token)
      const coming = { ...originOf(`${connection.remoteAddr}`), ...invited }
      const reply = await shell.ask(peer, request, genuine, coming)
      settleConnections(host, connection, reply, onError)
      if (reply.type === 'joined') onJoined(peer, wayOf(connection))
      return withMirrors(withSoftware(reply), mirrors)
    },
    { onError },
  )
  return serveBlobs(host, blobs, {
    mayServe: (peer, digest) => mayServe(state, peer, digest),
    onServed: (digest, bytes) => {
      if (digest === config.base.weights.digest) dashboard.run.baseBytesSent += bytes
    },
    admitUpload: (peer, leaseId, payload) =>
      shell.ask(peer, { type: 'upload', leaseId, payload }, true),
    onUploaded: async (_peer, leaseId, payload) => {
      const measured = await measurePayload(run, payload)
      if ('malformed' in measured) return { status: 'refused', reason: measured.malformed }
      shell.feed({ type: 'payload-stored', leaseId })
      return { status: 'taken' }
    },
    onUploadRefused: (_peer, leaseId, reason) =>
      shell.feed({ type: 'payload-refused', leaseId, reason }),
    onError,
  })
}

/** A peer trains by one connection: which it is follows from the answer to its join. */
function settleConnections(
  host: Host,
  connection: Connection,
  reply: Reply,
  onError: (error: Error) => void,
): void {
  if (reply.type === 'joined') keepOnly(host, connection)
  // Whoever joined before may be dead without knowing; then the next try finds its place free.
  else if (reply.type === 'refused' && reply.refusal === 'elsewhere') {
    closeDead(host, connection).catch(onError)
  }
}
