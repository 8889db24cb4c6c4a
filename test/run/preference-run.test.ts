/** Runs that learn from rated answers: measured, the same whoever trains, and replayed. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { evaluate } from '../../node/cli/eval.ts'
import { openRun } from '../../node/run/open-run.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { prepareRun } from '../../node/setup/prepare-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { hostRun, joinRun, type Overrides, runYaml, temporaryFolder } from '../roles/swarm.ts'
import { PAIRS, RATINGS } from './rated-rows.ts'

const ALL = { type: 'share', share: 1, seed: 1 } as const
async function located(rows: readonly object[], settings: Overrides) {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'text.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  const source = runYaml({ sequence_len: 64, val_set_size: 0.2, ...settings }).replace(
    'text.txt',
    'text.jsonl',
  )
  const file = parseRunYaml(source, join(folder, 'run.yaml'))
  return { folder, run: await locateRun(file, null) }
}

async function finishedRun(rows: readonly object[], settings: Overrides, volunteers = 1) {
  const { folder, run } = await located(rows, settings)
  const made = runFolder(join(folder, 'run'))
  await prepareRun(run, made)
  const hosted = await hostRun(made)
  for (let number = 1; number <= volunteers; number++) {
    await joinRun(made, hosted.link, `v${number}`)
  }
  await hosted.finished
  await hosted.stop()
  return { made, facts: hosted.facts }
}

test('dpo learns which answers are the better, the same whoever trains, and replays', async () => {
  const settings = { rl: 'dpo', rl_beta: 0.3 }
  const { made: one, facts } = await finishedRun(PAIRS, settings)
  const { made: two } = await finishedRun(PAIRS, settings, 2)
  const { config, state } = await openRun(one)
  expect(config.training.preference).toEqual({ loss: 'dpo', beta: 0.3 })
  expect(config.dataset).toMatchObject({ layout: 'answers', sequenceLength: 128 })
  const [first, last] = [state.evaluations[0]!, state.evaluations.at(-1)!]
  expect(first).toMatchObject({ round: 0, accuracy: 0, margin: 0 })
  expect(first.loss).toBeCloseTo(Math.LN2, 12)
  expect(last.loss).toBeLessThan(first.loss)
  expect(last.accuracy).toBeGreaterThan(0.5)
  expect(last.margin).toBeGreaterThan(0)
  const told = facts.flatMap((fact) => (fact.type === 'evaluated' ? [fact] : []))
  expect(told.at(-1)).toMatchObject({ perplexity: null, accuracy: last.accuracy })
  expect(told.every(({ generalLoss }) => generalLoss! > 1)).toBe(true)
  expect((await openRun(two)).state.round.start.base).toBe(state.round.start.base)
  expect(await verifyRun(one, { replay: ALL })).toMatchObject({ ok: true, replayedSteps: 16 })
  const lines = (await readFile(join(one.root, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({
    heldOutAccuracy: last.accuracy,
    heldOutMargin: last.margin,
  })
})

for (const [rl, rows] of [
  ['ipo', PAIRS],
  ['orpo', PAIRS],
  ['simpo', PAIRS],
  ['kto', RATINGS],
  ['kto', PAIRS],
] as const) {
  const what = rows === PAIRS ? 'pairs' : 'ratings'
  test(`${rl} learns from ${what}, and replays`, async () => {
    const { made } = await finishedRun(rows, { rl, max_steps: 8 })
    const { state } = await openRun(made)
    const [first, last] = [state.evaluations[0]!, state.evaluations.at(-1)!]
    expect(last.loss).toBeLessThan(first.loss)
    expect(last.margin).toBeGreaterThan(first.margin!)
    expect(await verifyRun(made, { replay: ALL })).toMatchObject({ ok: true, replayedSteps: 8 })
  })
}

/** What `eval` says of a run's adapter after its last round, and of its base, as JSON. */
async function evaluated(root: string, data: string) {
  const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => out.mockRestore())
  await evaluate(root, { data, json: true })
  return JSON.parse(out.mock.calls.join(''))
}

for (const [rl, row] of [
  ['dpo', PAIRS[0]!],
  ['simpo', PAIRS[0]!],
  ['kto', RATINGS[1]!],
] as const) {
  test(`eval of ${rl} measures rows as the run measured those that it holds out`, async () => {
    // Whichever are held out, they are this row.
    const { made } = await finishedRun(Array<object>(40).fill(row), { rl, max_steps: 8 })
    const { state } = await openRun(made)
    const data = join(made.root, 'row.jsonl')
    await writeFile(data, JSON.stringify(row))
    const { base, rated, ...adapter } = await evaluated(made.root, data)
    expect(rated).toBe(1)
    const [first, last] = [state.evaluations[0]!, state.evaluations.at(-1)!]
    for (const [measured, expected] of [
      [base, first],
      [adapter, last],
    ] as const) {
      expect(measured.accuracy).toBe(expected.accuracy)
      expect(measured.loss).toBeCloseTo(expected.loss, 5)
      expect(measured.margin).toBeCloseTo(expected.margin!, 4)
    }
    expect(last.margin).toBeGreaterThan(first.margin!)
  })
}

const planned = async (rows: readonly object[], settings: Overrides) => {
  const { run } = await located(rows, settings)
  return withPlan(run, ({ config, dataset, notes }) => ({ config, dataset, notes }))
}

test('ratings are no pairs', () =>
  expect(planned(RATINGS, { rl: 'dpo' })).rejects.toThrow("set 'rl: kto'"))

test('rows that rate nothing are told', () =>
  expect(planned([{ text: 'a' }], { rl: 'dpo' })).rejects.toThrow("as 'rl' learns from objects"))

test('pairs without rl are told what would learn them', () =>
  expect(planned(PAIRS, {})).rejects.toThrow("set 'rl' to learn that"))

test('a pair of which one answer is too long is left out, and told', async () => {
  const long = { prompt: 'a', chosen: ' b'.repeat(100), rejected: ' c' }
  const { dataset, notes } = await planned([...PAIRS, long], { rl: 'dpo' })
  expect(dataset.documents).toBe(PAIRS.length)
  expect(dataset.dropped.long.names).toEqual(['text.jsonl:65'])
  expect(notes.join()).toContain('longer than 64 tokens')
})

test('kto says what it takes the reference point for', async () => {
  const { notes } = await planned(RATINGS, { rl: 'kto' })
  expect(notes.join()).toContain('apo_zero_unpaired')
})
