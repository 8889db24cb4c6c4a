/**
 * Volunteers and coordinators that go, in processes of their own; whatever dies, every batch counts
 * once.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { openRun } from '../../node/run/open-run.ts'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { freePort } from './free-port.ts'
import { start } from './processes.ts'
import { hostRun, joinRun, prepareSmallRun, runYaml, smallText, temporaryFolder } from './swarm.ts'

type StepFact = { type: 'step'; steps: number }

/** Every batch counted exactly once, and the adapter follows from the journal. */
async function checkWhole(run: RunFolder, batches: number): Promise<void> {
  const { state } = await openRun(run)
  expect(state.batchesCounted).toBe(batches)
  expect(state.ledger.counted).toEqual([{ start: 0, end: batches }])
  expect(await verifyRun(run)).toMatchObject({ ok: true, mismatches: [] })
}

test('a coordinator killed in the middle of a round goes on with it', async () => {
  const folder = await temporaryFolder()
  const yaml = join(folder, 'run.yaml')
  await writeFile(yaml, runYaml())
  await writeFile(join(folder, 'text.txt'), smallText())
  const run = runFolder(join(folder, 'run'))
  const args = ['host', yaml, '--out', run.root, '--port', String(await freePort())]
  const first = start<Progress>(args)
  const { link } = await first.seen('ready')
  const volunteers = ['ada', 'ben'].map((name) =>
    start<StepFact>(['join', link, '--dedicated', '--name', name, '--cache', join(folder, name)]),
  )
  await first.seen('committed', 2)
  first.child.kill('SIGKILL')
  await first.child.exited
  // One may do all the rest before the other tries again, which has to hear of the end as well.
  const second = start<Progress>([...args, '--stay'])
  for (const { child } of volunteers) expect(await child.exited, child.complaints()).toBe(0)
  await second.seen('staying')
  second.child.kill('SIGINT')
  expect(await second.child.exited, second.child.complaints()).toBe(0)
  await checkWhole(run, 16)
})

test('a volunteer killed in the middle of a lease costs only that lease', async () => {
  const run = await prepareSmallRun(
    {},
    { lease_steps_max: 8, lease_steps_min: 8, rejoin_seconds: 0 },
  )
  const hosted = await hostRun(run)
  const victim = start<StepFact>([
    'join',
    hosted.link,
    '--dedicated',
    '--name',
    'victim',
    '--cache',
    join(run.root, 'victim'),
  ])
  await victim.seen('step', 3)
  victim.child.kill('SIGKILL')
  await victim.child.exited
  await joinRun(run, hosted.link, 'heir')
  await hosted.finished
  expect(hosted.facts.some((fact) => fact.type === 'away' && fact.name === 'victim')).toBe(true)
  await hosted.stop()
  await checkWhole(run, 16)
})

test('a pause hands in the finished prefix; afterwards the run goes on', async () => {
  const run = await prepareSmallRun({}, { lease_steps_max: 8, lease_steps_min: 8 })
  const committed = Promise.withResolvers<Extract<Progress, { type: 'committed' }>>()
  const hosted = await hostRun(run, {
    onProgress: (fact) => {
      if (fact.type === 'committed') committed.resolve(fact)
    },
  })
  let steps = 0
  const role = await joinRun(run, hosted.link, 'napper', {
    onStep: () => {
      steps += 1
      if (steps === 2) role.pause('on battery')
    },
  })
  const { steps: handedIn } = await committed.promise
  expect(handedIn).toBeGreaterThanOrEqual(2)
  expect(handedIn).toBeLessThan(8)
  role.resume()
  await hosted.finished
  await hosted.stop()
  await checkWhole(run, 16)
})

test('a volunteer that leaves hands in the finished prefix', async () => {
  const run = await prepareSmallRun({}, { lease_steps_max: 8, lease_steps_min: 8 })
  const hosted = await hostRun(run)
  const leaver = start<StepFact>([
    'join',
    hosted.link,
    '--dedicated',
    '--name',
    'leaver',
    '--cache',
    join(run.root, 'leaver'),
  ])
  await leaver.seen('step', 2)
  leaver.child.kill('SIGINT')
  expect(await leaver.child.exited, leaver.child.complaints()).toBe(0)
  const prefix = hosted.facts.find((fact) => fact.type === 'committed')
  expect(prefix).toMatchObject({ name: 'leaver' })
  expect(prefix?.type === 'committed' && prefix.steps).toBeLessThan(8)
  await joinRun(run, hosted.link, 'heir')
  await hosted.finished
  await hosted.stop()
  await checkWhole(run, 16)
})
