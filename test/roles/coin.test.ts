/** The coin of a hosted run: its key is told at each end, and another draws what comes after. */
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { orderStopped } from '../../node/roles/orders.ts'
import { eventOf } from '../../node/run/replay.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { createSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

async function bodiesOf(run: RunFolder): Promise<Uint8Array[]> {
  const journal = createSqliteJournal(run.journal, await readRunConfig(run))
  try {
    return [...journal.read()].map(({ body }) => body)
  } finally {
    journal.close()
  }
}

const isCoin = (body: Uint8Array) => eventOf(body).type === 'coin-published'

/** The journal is as a process leaves it that is killed before it has told its key. */
async function forgetCoin(run: RunFolder): Promise<void> {
  const bodies = await bodiesOf(run)
  await rm(run.journal)
  const shorter = createSqliteJournal(run.journal, await readRunConfig(run))
  shorter.append(bodies.slice(0, bodies.findIndex(isCoin)))
  shorter.close()
}

async function workToTheEnd(run: RunFolder): Promise<void> {
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
}

test('a run tells the key of its coin at each end, also when it was killed before', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 4 })
  await workToTheEnd(run)
  await forgetCoin(run)
  const killed = await hostRun(run)
  await killed.finished
  await killed.stop()
  expect(await orderStopped(run, { type: 'rewound', round: 1 })).toMatchObject({ accepted: true })
  await workToTheEnd(run)
  const keys = (await bodiesOf(run)).filter(isCoin).map((body) => {
    const event = eventOf(body)
    return event.type === 'coin-published' && Buffer.from(event.key).toString('hex')
  })
  expect([keys.length, new Set(keys).size]).toEqual([2, 2])
  const { mismatches, notChecked } = await verifyRun(run)
  expect([mismatches, notChecked.join()]).toEqual([[], expect.not.stringContaining('draws')])
})
