/**
 * The events of a journal that somebody else wrote: each is checked as what comes over the wire is,
 * before the state machine sees it.
 */
import type { Aggregate, CoordinatorEvent, KnownRequest } from '../../coordinator/index.ts'
import {
  blobReference,
  bytes,
  digest,
  flag,
  type Infer,
  integer,
  inviteTermsSchema,
  list,
  NAME_LENGTH_MAX,
  nullable,
  optional,
  PEER_ID_LENGTH_MAX,
  parse,
  REASON_LENGTH_MAX,
  type Request,
  ROUND_LEASES_MAX,
  ROUNDS_MAX,
  real,
  requestSchema,
  SCORED_ROWS_MAX,
  type Schema,
  STEPS_MAX,
  scoredRow,
  scoresSchema,
  struct,
  text,
  variants,
} from '../../protocol/index.ts'

const at = integer(0, Number.MAX_SAFE_INTEGER)
const peer = text(PEER_ID_LENGTH_MAX)
const leaseId = integer(0, Number.MAX_SAFE_INTEGER)
const round = integer(0, ROUNDS_MAX)
/** Our own words, and what a contribution's numbers are called. */
const reason = text(1_000)
const loss = real(0, Number.MAX_VALUE)

/** A request as it is journalled: of a join without its token. */
const knownRequest: Schema<KnownRequest> = (value, path) => {
  const isJoin = (value as { type?: unknown } | null)?.type === 'join'
  const whole = isJoin ? { ...(value as object), token: '' } : value
  const request: Request = requestSchema(whole, path)
  if (request.type !== 'join') return request
  const { token: _, ...known } = request
  return known
}

const aggregate = struct({
  adapter: digest,
  checkpoint: blobReference,
  update: blobReference,
  moment: nullable(blobReference),
  outerState: blobReference,
  manifest: blobReference,
  rejected: list(struct({ leaseId, reason }), 0, ROUND_LEASES_MAX),
  contrary: list(leaseId, 0, ROUND_LEASES_MAX),
  losses: optional(struct({ before: loss, after: loss })),
})

const auditResult = struct({
  trace: list(digest, 1, STEPS_MAX),
  payload: nullable(digest),
  tokens: nullable(leaseId),
})

const eventSchema = variants({
  started: { at, coinKey: digest },
  request: {
    at,
    peer,
    requestId: leaseId,
    request: knownRequest,
    genuine: flag,
    draw: optional(digest),
    origin: optional(text(NAME_LENGTH_MAX)),
    block: optional(text(NAME_LENGTH_MAX)),
    invite: optional(struct({ name: text(NAME_LENGTH_MAX), isExpired: flag })),
  },
  disconnected: { at, peer },
  'payload-stored': { at, leaseId },
  'payload-refused': { at, leaseId, reason },
  aggregated: { at, round, attempt: leaseId, aggregate },
  evaluated: {
    at,
    round,
    adapter: optional(digest),
    loss,
    generalLoss: optional(loss),
    accuracy: optional(real(0, 1)),
    margin: optional(real(-Number.MAX_VALUE, Number.MAX_VALUE)),
  },
  'piece-scored': {
    at,
    round,
    adapter: digest,
    first: integer(0, 2 * SCORED_ROWS_MAX),
    outcomes: nullable(list(scoredRow, 1, 2 * SCORED_ROWS_MAX)),
    reason: nullable(reason),
  },
  scored: {
    at,
    round,
    adapter: digest,
    scores: nullable(scoresSchema),
    reason: nullable(reason),
  },
  kicked: { at, peer, reason: text(REASON_LENGTH_MAX) },
  unbanned: { at, peer },
  invited: { at, terms: inviteTermsSchema },
  'invite-revoked': { at, name: text(NAME_LENGTH_MAX) },
  allowed: { at, peer },
  rewound: { at, round },
  audited: { at, auditId: leaseId, result: nullable(auditResult) },
  'coin-published': { at, key: bytes(32, 32), next: digest },
  tick: { at },
})

type Known = Infer<typeof eventSchema>
/** `request.peer` and so on, also of fields that may be left out. */
type FieldsOf<E> = E extends { type: infer T extends string } ? `${T}.${keyof E & string}` : never
type IsSame<A, B> = [A, B] extends [B, A] ? true : never
/** The compiler compares: what an event has anew must be told of here. */
const isComplete: IsSame<CoordinatorEvent, Known> &
  IsSame<FieldsOf<CoordinatorEvent>, FieldsOf<Known>> &
  IsSame<keyof Aggregate, keyof Infer<typeof aggregate>> = true

/** @throws ProtocolError that names the field which is not what it must be */
export function checkedEvent(value: unknown): CoordinatorEvent {
  return isComplete && parse(eventSchema, value, 'event')
}
