/** Whom a coordinator lets in by what: the token of its link, or an invite that it has signed. */
import type { CoordinatorEventOf, CoordinatorState } from '../../coordinator/index.ts'
import {
  decodeInvite,
  digestOf,
  encodeInvite,
  type InviteTerms,
  inviteTermsSchema,
  parse,
  type Reply,
  type RunConfig,
  type RunId,
  signingBytes,
  utf8ToBytes,
} from '../../protocol/index.ts'
import { type Identity, verifySignature } from '../network/identity.ts'
import { parseFragment } from '../network/link.ts'
import { VERSION } from '../software.ts'

/** What tokens are judged by. */
export interface Admission {
  config: RunConfig
  runId: RunId
  /** The token of the run's own link. */
  token: string
  identity: Pick<Identity, 'peerId'>
}

/** What a token is: that of the run, an invite, or neither. */
export type Judged = Pick<CoordinatorEventOf<'request'>, 'genuine' | 'invite'>

/** What is only known here: the secret that it may be, or whose signature, and the time of day. */
export async function judgeToken(admission: Admission, token: string): Promise<Judged> {
  const terms = await readInvite(admission, token)
  if (terms !== null) {
    const { name, expiresAt } = terms
    const isExpired = expiresAt !== null && Date.now() / 1000 >= expiresAt
    return { genuine: true, invite: { name, isExpired } }
  }
  const isOpen = admission.config.admission.kind === 'open'
  return {
    genuine: isOpen || digestOf(utf8ToBytes(token)) === digestOf(utf8ToBytes(admission.token)),
  }
}

/**
 * Whether whoever holds this word, which is what follows the # of a link, may see what volunteers
 * see: the files of the run. It takes no place, so those of an invite may be taken.
 */
export async function isInvited(
  admission: Admission,
  { invites }: CoordinatorState,
  word: string,
): Promise<boolean> {
  const { run, token } = fragmentOf(word)
  if (run === null || !admission.runId.startsWith(run)) return false
  const { genuine, invite } = await judgeToken(admission, token)
  // Where invites alone let in, the link of the run itself opens nothing.
  if (invite === undefined) return genuine && admission.config.admission.kind !== 'invites'
  return invites.get(invite.name)?.isRevoked === false && !invite.isExpired
}

function fragmentOf(word: string): ReturnType<typeof parseFragment> {
  try {
    return parseFragment(word)
  } catch {
    return { run: null, token: '' }
  }
}

/** One that speaks another version of the protocol is told which program it needs. */
export function withSoftware(reply: Reply): Reply {
  if (reply.type !== 'refused' || reply.refusal !== 'protocol-version') return reply
  return { ...reply, reason: `${reply.reason}: take barnraise ${VERSION}, by which it is hosted` }
}

/** An invite as the token of a link. @throws ProtocolError for terms that no invite can have */
export async function writeInvite(
  { runId, identity }: { runId: RunId; identity: Pick<Identity, 'sign'> },
  terms: InviteTerms,
): Promise<string> {
  const signature = await identity.sign(
    inviteBytes(runId, parse(inviteTermsSchema, terms, 'invite')),
  )
  return Buffer.from(encodeInvite({ ...terms, signature })).toString('base64url')
}

/** Null: it is no invite of this run. */
async function readInvite(
  { runId, identity }: Admission,
  token: string,
): Promise<InviteTerms | null> {
  const bytes = Buffer.from(token, 'base64url')
  let invite: ReturnType<typeof decodeInvite>
  try {
    invite = decodeInvite(bytes)
  } catch {
    return null
  }
  const { signature, ...terms } = invite
  return (await verifySignature(identity.peerId, inviteBytes(runId, terms), signature))
    ? terms
    : null
}

const inviteBytes = (runId: RunId, terms: InviteTerms): Uint8Array =>
  signingBytes('invite', { runId, ...terms })
