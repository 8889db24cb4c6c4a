/** What somebody published of a run: its table of contents, and its journal in one file. */
import { checkedEvent } from '../../node/run/event-schema.ts'
import { decodePublication, encodePublication } from '../../node/run/publication.ts'
import { StorageError } from '../../node/storage/errors.ts'
import { chainEntries, genesisOf } from '../../node/storage/journal.ts'
import { decodeJournal, encodeJournal } from '../../node/storage/journal-file.ts'
import { concatBytes, decode, encode, ProtocolError } from '../../protocol/index.ts'
import type { Target } from './target.ts'

const RUN = 'ab'.repeat(32)
const TICKS = [1, 2, 3].map((at) => encode({ type: 'tick', at }))
const JOURNAL = concatBytes(
  ...encodeJournal(chainEntries({ seq: 0, chain: genesisOf(RUN) }, TICKS)),
)

const PUBLICATION = encodePublication({
  format: 'barnraise publication 1',
  protocol: 3,
  name: 'whales',
  runId: RUN,
  coordinator: '12D3KooWGjMCwCzkyMKpEwCqSsMr9YQaLxxzGqQnTqKQpUqXXz7v',
  entries: 3,
  head: RUN,
  files: [{ path: 'blobs/ab/cd', bytes: 3, sha256: RUN }],
  signature: '0'.repeat(128),
})

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function readJournal(input: Uint8Array): Promise<void> {
  for await (const { body } of decodeJournal(once(input), { bodyBytesMax: 2 ** 20 })) {
    checkedEvent(decode(body))
  }
}

export const PUBLISHED_TARGETS: readonly Target[] = [
  {
    name: 'publication',
    seeds: () => [PUBLICATION],
    read: decodePublication,
    throws: [ProtocolError],
  },
  {
    name: 'published-journal',
    seeds: () => [JOURNAL],
    read: readJournal,
    throws: [StorageError, ProtocolError],
  },
]
