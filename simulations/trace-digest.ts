/** A digest of everything the coordinator accepted, in order: equal runs have equal digests. */
import type { CoordinatorEvent } from '../coordinator/index.ts'
import { chainDigest, type Digest, digestOf, utf8ToBytes } from '../protocol/index.ts'

export interface TraceDigest {
  add(event: CoordinatorEvent): void
  /** The digest of all so far, and of the state's bytes at the end. */
  finish(state: Uint8Array): Digest
}

/** Lines are hashed so many characters at a time. */
const CHUNK_LENGTH = 2 ** 16

export function createTraceDigest(): TraceDigest {
  let chain = digestOf(utf8ToBytes('barnraise simulation'))
  let lines = ''

  function flush(): void {
    chain = chainDigest(chain, utf8ToBytes(lines))
    lines = ''
  }

  return {
    add: (event) => {
      lines += `${event.at} ${event.type} ${subjectOf(event)}\n`
      if (lines.length > CHUNK_LENGTH) flush()
    },
    finish: (state) => {
      flush()
      return chainDigest(chain, state)
    },
  }
}

function subjectOf(event: CoordinatorEvent): string {
  switch (event.type) {
    case 'request':
      return `${event.peer} ${event.request.type}`
    case 'disconnected':
    case 'allowed':
    case 'kicked':
    case 'unbanned':
      return event.peer
    case 'invited':
      return event.terms.name
    case 'invite-revoked':
      return event.name
    case 'rewound':
      return String(event.round)
    case 'audited':
      return String(event.auditId)
    case 'payload-stored':
    case 'payload-refused':
      return String(event.leaseId)
    case 'aggregated':
      return `${event.round} ${event.aggregate.adapter}`
    case 'evaluated':
      return `${event.round} ${event.loss}`
    case 'piece-scored':
    case 'scored':
      return `${event.round} ${event.adapter}`
    case 'started':
    case 'coin-published':
    case 'tick':
      return ''
  }
}
