/** The dashboard's rows say what the state machine's state says, however they are come by. */
import { expect, test } from 'vitest'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { applyChanges, emptyTables, type Tables } from '../../node/history/rows.ts'
import { NO_CREDIT } from '../../protocol/credit.ts'
import { REFUSALS } from '../../protocol/messages.ts'
import { transcriptsOf } from '../coordinator/transcript.ts'
import { type Played, playTranscript } from './transcript-events.ts'

const names = transcriptsOf('coordinator')

function tablesOf({ model }: Played): Tables {
  const tables = emptyTables()
  applyChanges(tables, structuredClone(model.changesFrom(null)))
  return tables
}

function checkTables({ run, leases, peers, rounds }: Tables, state: CoordinatorState): void {
  const ended = ['counted', 'lost', 'rejected']
  const held = [...leases.values()].filter(({ state: stage }) => !ended.includes(stage))
  expect(held.map(({ leaseId }) => leaseId).sort()).toEqual([...state.leases.keys()].sort())
  for (const { leaseId, steps, peer } of held) {
    expect(state.leases.get(leaseId)).toMatchObject({ steps, peer })
  }
  for (const [peer, record] of state.records) {
    expect(peers.get(peer)?.credit ?? NO_CREDIT, peer).toEqual(record.credit)
  }
  const here = [...state.members.values()].filter(({ awayUntil }) => awayUntil === null)
  const shown = [...peers.values()].filter(({ state: presence }) => presence === 'here')
  expect(shown.map(({ peer }) => peer).sort()).toEqual(here.map(({ peer }) => peer).sort())
  expect(run).toMatchObject({
    phase: state.phase,
    hereCount: here.length,
    round: state.round.start.round,
    batchesCounted: state.batchesCounted,
    countedTokens: state.tokensCounted,
  })
  const sum = (field: 'tokens' | 'batches') =>
    [...rounds.values()].reduce((total, row) => total + row[field], 0)
  expect([sum('tokens'), sum('batches')]).toEqual([state.tokensCounted, state.batchesCounted])
  for (const { round, loss } of state.evaluations) {
    expect(rounds.get(round)?.heldOutLoss).toBe(loss)
  }
}

for (const name of names) {
  test(`${name}: after every event the rows agree with the state`, () => {
    playTranscript(name, { onEvent: (played) => checkTables(tablesOf(played), played.state) })
  })

  test(`${name}: the journal alone gives the same leases, rounds and volunteers`, () => {
    const live = tablesOf(playTranscript(name))
    const replayed = tablesOf(playTranscript(name, { journalOnly: true }))
    expect(replayed.leases).toEqual(live.leases)
    expect(replayed.rounds).toEqual(live.rounds)
    const bare = ({ peers }: Tables) =>
      [...peers.values()].map(({ refusals: _, seq: __, ...row }) => row)
    expect(bare(replayed)).toEqual(bare(live))
  })

  test(`${name}: changes, taken one by one or after a break, make the whole`, () => {
    const [steady, broken] = [emptyTables(), emptyTables()]
    let count = 0
    const last = playTranscript(name, {
      onEvent: ({ model }) => {
        const changes = structuredClone(model.takeChanges())
        if (changes === null) return
        applyChanges(steady, changes)
        // This one is away two times of three, and then asks from what it has seen.
        count += 1
        if (count % 3 === 0) applyChanges(broken, structuredClone(model.changesFrom(broken.seq)))
      },
    })
    applyChanges(broken, structuredClone(last.model.changesFrom(broken.seq)))
    expect(steady).toEqual(tablesOf(last))
    expect(broken).toEqual(tablesOf(last))
  })
}

for (const [name, reasons] of [
  ['coordinator-straggler.txt', ['its deadline passed']],
  ['coordinator-merge.txt', ['not finite']],
] as const) {
  test(`${name}: leases that came to nothing say why`, () => {
    const { leases } = tablesOf(playTranscript(name))
    const given = [...leases.values()].flatMap(({ reason }) => reason ?? [])
    for (const reason of reasons) expect(given).toContain(reason)
  })
}

test('whatever is refused is told with its reason, and counted for a sender that is known', () => {
  const seen = new Set<string>()
  for (const name of names) {
    const counts = new Map<string, number>()
    const played = playTranscript(name, {
      onEvent: ({ model }, { effects }) => {
        const { peers, log } = model.changesFrom(null)
        for (const effect of effects) {
          if (effect.type !== 'reply' || effect.reply.type !== 'refused') continue
          const { peer, reply } = effect
          seen.add(reply.refusal)
          const told = log.slice(-effects.length).map(({ text }) => text)
          expect(told).toContainEqual(expect.stringContaining(`was refused: ${reply.reason}`))
          const isKnown = peers.some((row) => row.peer === peer)
          if (isKnown) counts.set(peer, (counts.get(peer) ?? 0) + 1)
        }
      },
    })
    for (const { peer, refusals } of tablesOf(played).peers.values()) {
      expect(refusals, `${name}: ${peer}`).toBe(counts.get(peer) ?? 0)
    }
  }
  // What is no message at all is refused before the state machine sees it.
  expect([...seen].sort()).toEqual(REFUSALS.filter((each) => each !== 'malformed').sort())
})

for (const [transcript, banned] of [
  ['coordinator-kick.txt', ['ann', 'bob']],
  ['coordinator-merge.txt', []],
  // Cy was let in again.
  ['coordinator-invites.txt', []],
] as const) {
  test(`${transcript} ends with ${banned.length} of its volunteers banned`, () => {
    const rows = playTranscript(transcript).model.changesFrom(null).peers
    const found = rows.filter(({ isBanned }) => isBanned).map(({ name }) => name)
    expect(found.sort()).toEqual(banned)
  })
}
