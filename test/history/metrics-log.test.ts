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
  const log = await createMetricsLog(root, [FIRST])
  await Promise.all([log.update([FIRST]), log.update([FIRST, SECOND])])
  await log.update([FIRST, SECOND, THIRD])
  const [lines, events] = [join(root, METRICS_FILE), join(root, EVENTS_FILE)]
  const written = [await readFile(lines, 'utf8'), await readFile(events)] as const
  expect(
    written[0]
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(metricsOf([FIRST, SECOND]))
  await createMetricsLog(root, [FIRST, SECOND])
  expect([await readFile(lines, 'utf8'), await readFile(events)]).toEqual(written)
})
