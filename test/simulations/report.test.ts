/** A report holds every figure that it draws, and asks nobody for anything. */
import { expect, test } from 'vitest'
import {
  energyOf,
  figuresCsv,
  figuresOf,
  methodsOf,
  prepareSimulation,
  reportPage,
} from '../../simulations/index.ts'

const set = ['round.seconds=600', 'world.trainingWatts=50']
const prepared = prepareSimulation({
  seed: 3,
  preset: 'evening-laptops',
  volunteers: 16,
  days: 0.25,
  swarm: false,
  set,
  trace: null,
  config: null,
})
const result = prepared.run(() => {})
const command = 'barnraise simulate --preset "<script>"'
const { config: run, faults, world } = prepared
const figures = figuresOf(result, {
  command,
  seed: 3,
  days: 0.25,
  version: '1.2.3',
  commit: 'abc-dirty',
  crowd: { preset: 'evening-laptops', volunteers: 16 },
  trace: null,
  set,
  settings: { run, faults, world },
})
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
  const withoutNamespaces = page.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')
  expect(withoutNamespaces).not.toMatch(/<script|https?:|url\(|@import/)
})

test('a plot that is saved alone has its styles, its background and its caption in it', () => {
  const plots = page.match(/<svg .*?<\/svg>/gs)!
  for (const plot of plots) {
    const style = /<style>(.*?)<\/style>/s.exec(plot)![1]!
    expect(plot).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox/)
    expect(plot).toMatch(/<text class="caption"[^>]*>\w[^<]*<\/text><\/svg>$/)
    const classes = [...plot.matchAll(/class="([^"]+)"/g)].flatMap(([, names]) => names!.split(' '))
    expect([...new Set(classes)].filter((name) => !style.includes(`.${name}`))).toEqual([])
    expect(style).not.toMatch(/var\(|light-dark/)
  }
})

test('losses are drawn where numbers are real', () => {
  const rounds = figures.rounds.map((round) => ({ ...round, loss: 3 - round.round / 10 }))
  const real = reportPage({ ...figures, rounds }, 'real')
  expect(real.match(/<svg /g)).toHaveLength(8)
})

test('what a machine draws goes by what it does, and what it emits by the grid', () => {
  const { online, waste } = result.totals
  const waitingHours = (waste.waiting + waste.loading) / 3_600_000
  const trainingHours = online / 3_600_000 - waitingHours
  const { kwh, co2Kg } = figures.energy
  expect(kwh).toBeCloseTo((50 * trainingHours + 8 * waitingHours) / 1000, 9)
  expect(co2Kg).toBeCloseTo(0.473 * kwh, 9)
  const clean = energyOf(result.totals, { ...world, trainingWatts: 0, waitingWatts: 0 })
  expect(clean).toEqual({ kwh: 0, co2Kg: 0 })
})

test('what machines draw changes nothing of what happens', () => {
  const request = { seed: 1, preset: 'flash-crowd', volunteers: 2, days: 0.02, swarm: false }
  const [usual, hungry] = [[], ['world.trainingWatts=500']].map((set) =>
    prepareSimulation({ ...request, set, trace: null, config: null }).run(() => {}),
  )
  expect(hungry!.traceDigest).toBe(usual!.traceDigest)
})

test('the methods say how it was made, in the numbers of the figures', () => {
  const methods = methodsOf(figures)
  for (const said of [
    'Barnraise (version 1.2.3, commit abc-dirty)',
    '16 volunteers of the preset evening-laptops; 0.25 days from seed 3.',
    `Rounds had 600 s and a grace of ${run.round.graceSeconds} s`,
    `${run.round.stepsMax} local steps at most`,
    `Set by hand were ${set.join(', ')}.`,
    `Of ${Number(figures.onlineHours.toPrecision(4))} hours online`,
    `${(100 * figures.goodput).toFixed(1)} % went into steps`,
    `in ${figures.rounds.length} rounds; ${figures.violations.length} invariants did not hold`,
    'At 50 W for a machine that trains, 8 W for one that waits, and 473 g of CO2 a kWh',
    `${Number(figures.energy.kwh.toPrecision(4))} kWh`,
    `its trace digest is ${figures.traceDigest}.`,
  ]) {
    expect(methods).toContain(said)
  }
  expect(page).toContain(methods)
})

test('the methods name a trace by its digest, and what of it was not used', () => {
  const [format, digest] = ['fedscale', 'f'.repeat(64)] as const
  const notes = ['1 event without a length: no session']
  const trace = { file: 'them.json', format, digest, volunteers: 2, sessions: 5, notes }
  expect(methodsOf({ ...figures, crowd: null, trace })).toContain(
    `2 volunteers with 5 sessions of a trace (fedscale, SHA-256 ${digest}) (${notes[0]})`,
  )
  expect(reportPage({ ...figures, crowd: null, trace }, 'traced')).toContain(digest)
})

test('the page has every setting', () => {
  expect(page).toContain(JSON.stringify(figures.settings, null, 1).replaceAll('"', '&#34;'))
})
