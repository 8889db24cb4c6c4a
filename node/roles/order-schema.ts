/** What an organiser may order, as it comes from outside: a socket, or a page. */
import { z } from 'zod'
import {
  INVITE_NAME_LENGTH_MAX,
  MEMBERS_MAX,
  PEER_ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  ROUNDS_MAX,
} from '../../protocol/index.ts'
import type { Order } from './orders.ts'

/** A journal with anything else in it would not be read again. */
const ONE_LINE = /^\P{Cc}*$/u
const peer = z.string().min(1).max(PEER_ID_LENGTH_MAX).regex(ONE_LINE)

const name = z
  .string()
  .regex(/^[\w.-]+$/)
  .max(INVITE_NAME_LENGTH_MAX)

const kicked = z.strictObject({
  type: z.literal('kicked'),
  peer,
  reason: z.string().max(REASON_LENGTH_MAX).regex(ONE_LINE),
})
const unbanned = z.strictObject({ type: z.literal('unbanned'), peer })

/** What the organiser's page orders. */
export const banSchema = z.discriminatedUnion('type', [kicked, unbanned])

export const orderSchema: z.ZodType<Order> = z.discriminatedUnion('type', [
  kicked,
  unbanned,
  z.strictObject({ type: z.literal('allowed'), peer }),
  z.strictObject({
    type: z.literal('invited'),
    terms: z.strictObject({
      name,
      expiresAt: z
        .int()
        .min(0)
        .max(2 ** 32 - 1)
        .nullable(),
      membersMax: z.int().min(1).max(MEMBERS_MAX).nullable(),
    }),
  }),
  z.strictObject({ type: z.literal('invite-revoked'), name }),
  z.strictObject({ type: z.literal('rewound'), round: z.int().min(0).max(ROUNDS_MAX) }),
])
