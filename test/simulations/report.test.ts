/** A report holds every figure that it draws, and asks nobody for anything. */
import { expect, test } from 'vitest'
import { figuresCsv, figuresOf, prepareSimulation, reportPage } from '../../simulations/index.ts'

const result = prepareSimulation({
  seed: 3,
  preset: 'evening-laptops',
  volunteers: 16,
  days: 0.25,
  swarm: false,
  set: ['round.seconds=600'],
  trace: null,
  config: null,
}).run(() => {})
const command = 'barnraise simulate --preset "<script>"'
const figures = figuresOf(result, { command, seed: 3, days: 0.25 })
const page = reportPage(figures, 'Simulated: 16 & more')

test('shares of the time add up', () => {
  const wasted = Object.values(figures.waste).reduce((sum, share) => sum + share, 0)
  expect(wasted + figures.goodput).toBeCloseTo(1, 9)
})

test('the table has a line for each moment, and bytes only grow', () => {
  const [head, ...lines] = figuresCsv(figures).trimEnd().split('\n')
  expect(head).toBe('hours,online,round,batches,bytesUp,bytesDown,goodput')
  expect(lines).toHaveLength(figures.samples.length)
  const up = lines.map((line) => Number(line.split(',')[4]))
  expect(up).toEqual(up.toSorted((a, b) => a - b))
})

test('the page has a plot for each question, and no number that is none', () => {
  expect(page.match(/<svg /g)).toHaveLength(6)
  expect(page).not.toMatch(/NaN|Infinity|undefined/)
  expect(page).toContain(figures.traceDigest)
})

test('the page shows what it was given as text, and loads nothing', () => {
  expect(page).toContain('Simulated: 16 &#38; more')
  expect(page).not.toMatch(/<script|https?:|url\(|@import/)
})

test('losses are drawn where numbers are real', () => {
  const rounds = figures.rounds.map((round) => ({ ...round, loss: 3 - round.round / 10 }))
  const real = reportPage({ ...figures, rounds }, 'real')
  expect(real.match(/<svg /g)).toHaveLength(8)
})
