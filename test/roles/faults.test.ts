/**
 * What goes wrong around a run: bad input, bad peers, a failing disk. Nothing is lost, and it is
 * said who errs.
 */
import { rm } from 'node:fs/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { snapshot } from '../../coordinator/snapshot.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { parseLink } from '../../node/network/link.ts'
import { request } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { createCoordinatorShell } from '../../node/roles/coordinator-shell.ts'
import { openRun } from '../../node/run/open-run.ts'
import { eventOf, freshState, replay } from '../../node/run/replay.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { VERSION } from '../../node/software.ts'
import { StorageError } from '../../node/storage/errors.ts'
import type { Journal } from '../../node/storage/journal.ts'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type { Reply, Request } from '../../protocol/messages.ts'
import { createMemoryJournal } from '../storage/memory-journal.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

/** One question from a peer of its own. */
async function askAs(link: string, question: Request): Promise<Reply> {
  const privateKey = await generateKeyPair('Ed25519')
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  try {
    const connection = await connect(host, parseLink(link).addresses)
    return await request(connection, question)
  } finally {
    await host.stop()
  }
}

const JOIN = {
  type: 'join',
  version: PROTOCOL_VERSION,
  session: 1,
  runId: null,
  name: 'stranger',
  software: 'test',
} as const

test('strangers are told why they are refused', async () => {
  const run = await prepareSmallRun()
  const { link } = await hostRun(run)
  const { token } = parseLink(link)
  for (const [change, refusal, words] of [
    [{ version: PROTOCOL_VERSION + 1 }, 'protocol-version', `take barnraise ${VERSION}`],
    [{ token: 'guessed' }, 'bad-token', 'the token is not that of this run'],
    [{ runId: 'f'.repeat(64) }, 'other-run', 'this is run'],
  ] as const) {
    const reply = await askAs(link, { ...JOIN, token, ...change })
    const reason = expect.stringContaining(words)
    expect(reply).toMatchObject({ type: 'refused', refusal, reason })
  }
  expect(await askAs(link, { ...JOIN, token })).toMatchObject({ type: 'joined' })
  const lease = { type: 'lease', round: 0, base: 'a'.repeat(64), stepMs: null } as const
  expect(await askAs(link, lease)).toMatchObject({ type: 'refused', refusal: 'not-joined' })
  expect(await askAs(link, { type: 'status' })).toMatchObject({ type: 'status' })
})

/** A journal whose n-th append fails as a full disk does. */
function failing(journal: Journal, failAt: number): Journal {
  let appends = 0
  return {
    ...journal,
    append: (bodies) => {
      appends += 1
      if (appends === failAt) throw new StorageError('full', 'the disk is full')
      journal.append(bodies)
    },
  }
}

test('whichever write of the journal fails, what was promised is in it', async () => {
  const run = await prepareSmallRun()
  const { config, runId } = await readRunConfig(run)
  const requests = ['ada', 'ben', 'cleo', 'dora'].map((name) => ({ ...JOIN, name, token: '' }))
  for (let failAt = 1; failAt <= requests.length + 1; failAt++) {
    const journal = createMemoryJournal(runId)
    const state = freshState(config, runId)
    const fatal: Error[] = []
    const shell = createCoordinatorShell({
      state,
      clock: () => 0,
      coinSecret: new Uint8Array(32),
      observe: () => () => {},
      perform: () => {},
      journal: failing(journal, failAt),
      onFatal: (error) => fatal.push(error),
    })
    shell.start()
    const promised: string[] = []
    for (const joining of requests) {
      const answered = await shell.ask(joining.name, joining, true).then(
        (reply) => reply.type === 'joined',
        () => false,
      )
      if (answered) promised.push(joining.name)
    }
    shell.stop()
    // The first append holds `started` and the first join, which came in the same turn.
    expect(promised, `append ${failAt} fails`).toHaveLength(Math.min(failAt - 1, requests.length))
    expect(fatal).toHaveLength(failAt <= requests.length ? 1 : 0)
    const replayed = freshState(config, runId)
    replay(replayed, journal)
    expect([...replayed.members.keys()]).toEqual(promised)
    if (fatal.length === 0) expect(snapshot(replayed)).toEqual(snapshot(state))
  }
})

test('who waits for an answer as the coordinator stops is told', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const shell = createCoordinatorShell({
    state: freshState(config, runId),
    clock: () => 0,
    coinSecret: new Uint8Array(32),
    observe: () => () => {},
    perform: () => {},
    journal: createMemoryJournal(runId),
    onFatal: () => {},
  })
  shell.start()
  const waiting = expect(shell.ask('ada', { type: 'status' }, true)).rejects.toThrow(
    'shutting down',
  )
  shell.stop()
  await waiting
  await expect(shell.ask('ada', { type: 'status' }, true)).rejects.toThrow('shutting down')
})

test('a run that cannot go on says so to whoever comes to listen, however late', async () => {
  const run = await prepareSmallRun({ max_steps: 8 })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  // As if it had been killed before the last evaluation, and lost what that needs.
  const { runId } = await readRunConfig(run)
  const journal = createSqliteJournal(run.journal, { runId })
  const bodies = [...journal.read()].map(({ body }) => body)
  journal.close()
  const isLastEvaluation = (body: Uint8Array) => {
    const event = eventOf(body)
    return event.type === 'evaluated' && event.round === 1
  }
  await rm(run.journal)
  const shorter = createSqliteJournal(run.journal, { runId })
  shorter.append(bodies.filter((body) => !isLastEvaluation(body)))
  shorter.close()
  const { state, blobs } = await openRun(run)
  await blobs.remove(state.round.start.checkpoint!.digest)
  const again = await hostRun(run)
  await again.stop()
  await expect(again.finished).rejects.toMatchObject({ name: 'StorageError', code: 'missing' })
})
