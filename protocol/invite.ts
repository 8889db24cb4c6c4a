/**
 * An invite with terms of its own, for some of those who are to take part. The coordinator's key
 * signs it over `signingBytes('invite', { runId, ...terms })`, so that nobody else makes one; its
 * canonical bytes are the token of the link that it is given away as.
 */
import { decode, encode } from './codec.ts'
import * as limits from './limits.ts'
import { bytes, type Infer, integer, nullable, parse, struct, word } from './schema.ts'

const terms = {
  /** What the organiser calls it: another one of the run has another name. */
  name: word(limits.INVITE_NAME_LENGTH_MAX),
  /** Nobody new comes by it from then on: seconds since 1970, by the coordinator's clock. */
  expiresAt: nullable(integer(0, 2 ** 32 - 1)),
  /** So many may take part by it at the same time; null: as many as there is place for. */
  membersMax: nullable(integer(1, limits.MEMBERS_MAX)),
}
export const inviteTermsSchema = struct(terms)
export type InviteTerms = Infer<typeof inviteTermsSchema>

export const inviteSchema = struct({
  ...terms,
  signature: bytes(limits.SIGNATURE_BYTES, limits.SIGNATURE_BYTES),
})
export type SignedInvite = Infer<typeof inviteSchema>

export const encodeInvite = (invite: SignedInvite): Uint8Array => encode(invite)

/** @throws ProtocolError unless the bytes are the canonical form of an invite */
export const decodeInvite = (invite: Uint8Array): SignedInvite =>
  parse(inviteSchema, decode(invite, limits.TOKEN_LENGTH_MAX), 'invite')
