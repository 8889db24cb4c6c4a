/**
 * Writes messages.json: the bytes and digests of one of each message, made with an encoder of its
 * own and Node's SHA-256. `tsx test/vectors/make-messages.ts`; a changed vector is a new protocol
 * version.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import { exampleConfig } from '../protocol/example-config.ts'
import {
  exampleAnswer,
  exampleBlobManifest,
  exampleContribution,
  exampleInvite,
  exampleManifest,
  exampleNotices,
  exampleReplies,
  exampleRequests,
  exampleTrace,
} from '../protocol/example-messages.ts'
import { pack } from './message-pack.ts'

const hexOf = (value: unknown): string => Buffer.from(pack(value)).toString('hex')

function digestOf(value: unknown): string {
  return createHash('sha256')
    .update(Buffer.from(pack(value)))
    .digest('hex')
}

function hexesOf(messages: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(messages).map(([name, value]) => [name, hexOf(value)]))
}

const vectors = {
  requests: hexesOf(exampleRequests),
  replies: hexesOf(exampleReplies),
  notices: hexesOf(exampleNotices),
  runConfig: hexOf(exampleConfig()),
  runId: digestOf(exampleConfig()),
  signedContribution: hexOf({
    purpose: `barnraise contribution ${PROTOCOL_VERSION}`,
    body: exampleContribution,
  }),
  signedAnswer: hexOf({ purpose: `barnraise audit ${PROTOCOL_VERSION}`, body: exampleAnswer }),
  invite: hexOf(exampleInvite),
  manifest: hexOf(exampleManifest),
  manifestDigest: digestOf(exampleManifest),
  signedManifest: hexOf({
    purpose: `barnraise manifest ${PROTOCOL_VERSION}`,
    body: exampleManifest,
  }),
  blobManifest: hexOf(exampleBlobManifest),
  traceSeed: hexOf({ purpose: 'barnraise trace 1', ...exampleTrace }),
}

const file = join(import.meta.dirname, 'messages.json')
writeFileSync(file, `${JSON.stringify(vectors, null, 2)}\n`)
