/** What peers are answered: their requests, and the blobs that they fetch and bring. */
import type { Connection } from '@libp2p/interface'
import type { CoordinatorState } from '../../coordinator/index.ts'
import { type PeerId, type Reply, type Request, signingBytes } from '../../protocol/index.ts'
import { serveBlobs } from '../network/blobs.ts'
import { closeDead, keepOnly } from '../network/connection-guard.ts'
import { serveDialBack } from '../network/dial-back.ts'
import type { Host } from '../network/host.ts'
import { verifySignature } from '../network/identity.ts'
import { serveRequests } from '../network/rpc.ts'
import { type MergeWorld, measurePayload } from '../run/merge-round.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { type Admission, judgeToken, withSoftware } from './admission.ts'
import type { CoordinatorShell } from './coordinator-shell.ts'
import { mayServe } from './door.ts'
import { createOrigins } from './origin.ts'

interface ServedRun extends Admission, MergeWorld {
  state: CoordinatorState
  blobs: BlobStore
}

interface PeerListeners {
  shell: CoordinatorShell
  onJoined(peer: PeerId): void
  onError(error: Error): void
}

/**
 * What peers do: the state machine answers requests, and says who may move which blob. Resolves
 * with what waits for the end of all transfers.
 */
export async function servePeers(
  host: Host,
  run: ServedRun,
  { shell, onJoined, onError }: PeerListeners,
): Promise<() => Promise<void>> {
  const { blobs, state } = run
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
      if (reply.type === 'joined') onJoined(peer)
      return withSoftware(reply)
    },
    { onError },
  )
  return serveBlobs(host, blobs, {
    mayServe: (peer, digest) => mayServe(state, peer, digest),
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

/** What only the world can judge of a request: whether what is signed is signed by its peer. */
async function isGenuine(peer: PeerId, request: Request): Promise<boolean> {
  if (request.type !== 'commit' && request.type !== 'audit') return true
  const bytes =
    request.type === 'commit'
      ? signingBytes('contribution', request.contribution)
      : signingBytes('audit', request.answer)
  return verifySignature(peer, bytes, request.signature)
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
