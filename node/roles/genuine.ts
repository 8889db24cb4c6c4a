/** Signatures of requests, as the coordinator's shell judges them. */
import { type PeerId, type Request, signingBytes } from '../../protocol/index.ts'
import { verifySignature } from '../network/identity.ts'

/** What only the world can judge of a request: whether what is signed is signed by its peer. */
export async function isGenuine(peer: PeerId, request: Request): Promise<boolean> {
  if (request.type !== 'commit' && request.type !== 'audit') return true
  const bytes =
    request.type === 'commit'
      ? signingBytes('contribution', request.contribution)
      : signingBytes('audit', request.answer)
  return verifySignature(peer, bytes, request.signature)
}
