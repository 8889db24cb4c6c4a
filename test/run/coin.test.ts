/** What a verifier makes of the keys of the coin: told, lost, chosen, and told too early. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { drawOf } from '../../coordinator/draws.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { step } from '../../coordinator/step.ts'
import { type Identity, identityOf } from '../../node/network/identity.ts'
import { type RunRecord, readRecord } from '../../node/run/read-record.ts'
import { chainEntries, genesisOf } from '../../node/storage/journal.ts'
import { encode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import { signingBytes } from '../../protocol/envelope.ts'
import { startConversation } from '../coordinator/coordinator-language.ts'
import { digestOfText } from '../protocol/example-config.ts'

const configFor = (trust: string) =>
  `config audit.trust=${trust} round.stepsMax=2 round.batchesMax=2 training.batchesMax=4`

const keyOf = (letter: string): Uint8Array => new Uint8Array(32).fill(letter.charCodeAt(0))

interface Teller {
  identity: Identity
  conversation: ReturnType<typeof startConversation>
  /** Whose draws they are. */
  letter: string
  lease: number
}

/** A line of a journal: `started a`, `work`, `chosen`, `twice`, `coin a b`, `rewind 1`. */
async function eventsOf(teller: Teller, line: string): Promise<CoordinatorEvent[]> {
  const { state, eventOf } = teller.conversation
  const [word, first = '', second = ''] = line.split(' ')
  const { peerId } = teller.identity
  const taken: CoordinatorEvent[] = []
  const take = (event: CoordinatorEvent) => {
    expect(step(state, event).accepted, `${line}: ${event.type}`).toBe(true)
    taken.push(event)
  }
  switch (word) {
    case 'started':
      teller.letter = first
      take({ type: 'started', at: 0, coinKey: digestOf(keyOf(first)) })
      take(eventOf(`0 join ${peerId}`)!)
      return taken
    case 'coin': {
      teller.letter = second
      const [key, next] = [keyOf(first), digestOf(keyOf(second))]
      take({ type: 'coin-published', at: 0, key, next })
      return taken
    }
    case 'rewind':
      take(eventOf(`0 ${line}`)!)
      return taken
    case 'twice': {
      take(eventOf(`0 lease ${peerId} 1000`)!)
      for (const lie of ['draw=none', 'draw=none bad=1']) {
        const key = keyOf(teller.letter)
        take(await signed(teller.identity, eventOf(`0 commit ${peerId} 0 2 ${lie}`)!, key))
      }
      return taken
    }
    default: {
      const lease = teller.lease++
      take(eventOf(`0 lease ${peerId} 1000`)!)
      const key = keyOf(word === 'chosen' ? '?' : teller.letter)
      take(await signed(teller.identity, eventOf(`0 commit ${peerId} ${lease} 2`)!, key))
      take(eventOf(`0 stored ${lease}`)!)
      take(eventOf(`0 aggregated ${state.round.start.round}`)!)
      return taken
    }
  }
}

async function signed(
  { sign }: Identity,
  event: CoordinatorEvent,
  key: Uint8Array,
): Promise<CoordinatorEvent> {
  if (event.type !== 'request' || event.request.type !== 'commit') throw new Error(event.type)
  const { contribution } = event.request
  const signature = await sign(signingBytes('contribution', contribution))
  const draw = drawOf(key, contribution.leaseId)
  return { ...event, request: { ...event.request, signature }, draw }
}

async function recordOf(lines: readonly string[], trust = 'everyone'): Promise<RunRecord> {
  const identity = identityOf(await generateKeyPair('Ed25519'))
  const conversation = startConversation([{ input: [configFor(trust)], output: '' }])
  const teller: Teller = { identity, conversation, letter: '', lease: 0 }
  const bodies: Uint8Array[] = []
  for (const line of lines) bodies.push(...(await eventsOf(teller, line)).map(encode))
  const { runId } = conversation.state
  const entries = chainEntries({ seq: 0, chain: genesisOf(runId) }, bodies)
  return readRecord(entries, conversation.fresh(), () => {})
}

/** Keys of the draws that are left unchecked, and what is said of the first entry that is wrong. */
for (const [what, lines, left, words] of [
  ['comes in the end', ['started a', 'work', 'work', 'coin a b'], '', null],
  ['is not told yet', ['started a', 'work'], 'a', null],
  ['was lost', ['started a', 'work', 'started b', 'work', 'coin b c'], 'a', null],
  ['gives another draw', ['started a', 'work', 'chosen', 'coin a b'], 'a', 'draw of lease 1'],
  [
    'gives another draw after one was lost',
    ['started a', 'work', 'started b', 'chosen', 'coin b c'],
    'ab',
    'the draw of lease 1 is',
  ],
  [
    'is a new one after the end',
    ['started a', 'work', 'work', 'coin a b', 'rewind 1', 'work', 'coin b c'],
    '',
    null,
  ],
  [
    'gives another draw after the end',
    ['started a', 'work', 'work', 'coin a b', 'rewind 1', 'chosen', 'coin b c'],
    'b',
    'the draw of lease 2 is',
  ],
  [
    'was told before it drew',
    ['started a', 'work', 'work', 'coin a b', 'rewind 1', 'started a', 'work'],
    '',
    'the draw of lease 2 could be foreseen',
  ],
  [
    'was told, and is named as the next',
    ['started a', 'work', 'work', 'coin a a', 'rewind 1', 'work'],
    '',
    'the draw of lease 2 could be foreseen',
  ],
] as const) {
  test(`a key of the coin that ${what}`, async () => {
    const { mismatch, draws } = await recordOf(lines)
    const letters = Array.from(draws.values(), ({ coinKey }) =>
      [...'abc'].find((letter) => digestOf(keyOf(letter)) === coinKey),
    )
    expect([letters.join(''), mismatch === null]).toEqual([left, words === null])
    if (words !== null) expect(mismatch!.reason).toContain(words)
  })
}

test('of a lease that is committed twice, the first is what its maker has signed', async () => {
  const { mismatch, contributions, signatures } = await recordOf(['started a', 'twice'], 'friends')
  const { trace } = contributions.get(0)!
  expect([mismatch, signatures, trace[1]]).toEqual([null, 2, digestOfText('0 1')])
})
