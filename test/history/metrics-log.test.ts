/** A run's figures for other tools: TensorBoard's bytes, the lines, and both after a restart. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { firstRecord, scalarsRecord } from '../../node/history/event-file.ts'
import {
  createMetricsLog,
  EVENTS_FILE,
  METRICS_FILE,
  metricsOf,
  SCORES_FILE,
} from '../../node/history/metrics-log.ts'
import type { RoundRow } from '../../node/history/rows.ts'
import { temporaryFolder } from '../model/fixtures.ts'

/** Made by test/vectors/make-events.py. */
const VECTOR: { file: string } = JSON.parse(
  readFileSync(new URL('../vectors/events.json', import.meta.url), 'utf8'),
)

test("events are framed as TensorBoard's own writer does it", () => {
  const values = { 'loss/held out': 3.25, 'run/tokens': 1e6 }
  const records = [firstRecord(1.5), scalarsRecord({ seconds: 2.25, step: 300, values })]
  expect(Buffer.concat(records).toString('base64')).toBe(VECTOR.file)
})

const row = (round: number, change: Partial<RoundRow>): RoundRow => ({
  seq: 0,
  round,
  startedAt: null,
  mergedAt: null,
  trainLoss: null,
  heldOutLoss: null,
  generalLoss: null,
  accuracy: null,
  margin: null,
  tokens: 0,
  batches: 0,
  contributions: 0,
  uploadedBytes: 0,
  updateBytes: 0,
  adapter: null,
  ...change,
})
const FIRST = row(0, {
  startedAt: 1000,
  mergedAt: 9000,
  heldOutLoss: 4,
  generalLoss: 5,
  trainLoss: 3.9,
  tokens: 100,
  contributions: 2,
  uploadedBytes: 50,
})
const SECOND = row(1, {
  startedAt: 9500,
  mergedAt: 19_500,
  heldOutLoss: 3.5,
  accuracy: 0.75,
  margin: 0.4,
  tokens: 200,
})
const THIRD = row(2, { startedAt: 20_000 })

const known = (...rounds: RoundRow[]) => ({ rounds, metric: undefined })

test('an adapter has the loss that was held out, and the figures of the round that made it', () => {
  expect(metricsOf([THIRD, SECOND, FIRST])).toEqual([
    {
      round: 0,
      at: 1000,
      tokens: 0,
      heldOutLoss: 4,
      generalLoss: 5,
      heldOutAccuracy: null,
      heldOutMargin: null,
      course: 'begun',
      bestRound: null,
      trainLoss: null,
      contributions: 0,
      uploadedBytes: 0,
      seconds: null,
    },
    {
      round: 1,
      at: 9000,
      tokens: 100,
      heldOutLoss: 3.5,
      generalLoss: null,
      heldOutAccuracy: 0.75,
      heldOutMargin: 0.4,
      course: 'learning',
      bestRound: 1,
      trainLoss: 3.9,
      contributions: 2,
      uploadedBytes: 50,
      seconds: 8,
    },
  ])
})

test('each adapter is written once, and all of them again after a restart', async () => {
  const root = await temporaryFolder()
  const log = await createMetricsLog(root, known(FIRST))
  await Promise.all([log.update(known(FIRST)), log.update(known(FIRST, SECOND))])
  await log.update(known(FIRST, SECOND, THIRD))
  const [lines, events] = [join(root, METRICS_FILE), join(root, EVENTS_FILE)]
  const written = [await readFile(lines, 'utf8'), await readFile(events)] as const
  expect(
    written[0]
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(metricsOf([FIRST, SECOND]))
  await createMetricsLog(root, known(FIRST, SECOND))
  expect([await readFile(lines, 'utf8'), await readFile(events)]).toEqual(written)
})

test('scores are written when they come, however late, and again after a restart', async () => {
  const root = await temporaryFolder()
  const [scores, events] = [join(root, SCORES_FILE), join(root, EVENTS_FILE)]
  const log = await createMetricsLog(root, known(FIRST))
  await expect(readFile(scores)).rejects.toThrow('ENOENT')
  const first = { ...FIRST, scores: { acc: 0.5, accNorm: 0.25 } }
  const second = { ...SECOND, scores: { exactMatch: 0.75 } }
  await log.update(known(FIRST, SECOND))
  const before = (await readFile(events)).length
  await log.update(known(first, SECOND))
  await log.update(known(first, second))
  await log.update(known(first, second))
  const lines = (await readFile(scores, 'utf8')).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { round: 0, at: 1000, acc: 0.5, accNorm: 0.25 },
    { round: 1, at: 9000, exactMatch: 0.75 },
  ])
  const added = [
    { seconds: 1, step: 0, values: { 'score/acc': 0.5, 'score/acc_norm': 0.25 } },
    { seconds: 9, step: 1, values: { 'score/exact_match': 0.75 } },
  ]
  expect((await readFile(events)).subarray(before)).toEqual(
    Buffer.concat(added.map((scalars) => scalarsRecord(scalars))),
  )
  await createMetricsLog(root, known(first, second))
  expect((await readFile(scores, 'utf8')).trim().split('\n')).toEqual(lines)
})

test('the best round is told by the score that the organiser names', () => {
  const rows = [FIRST, { ...SECOND, scores: { acc: 0.5 } }, row(2, { heldOutLoss: 3 })]
  expect(metricsOf(rows, 'acc').map(({ bestRound }) => bestRound)).toEqual([null, 1, 1])
  expect(metricsOf(rows).map(({ bestRound }) => bestRound)).toEqual([null, 1, 2])
})
