/**
 * Churn against what can be computed by hand: how likely work of a given length survives, and how
 * many are there at once.
 */
import { expect, test } from 'vitest'
import { churnOf } from '../../simulations/churn.ts'
import { createEventQueue } from '../../simulations/event-queue.ts'
import { between, draw, drawLengthBiased, stream } from '../../simulations/laws.ts'
import { PRESETS } from '../../simulations/presets.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const DRAWS = 100_000
const LENGTHS = [3, 10, 30, 60]

/**
 * How many jobs of 3, 10, 30 and 60 minutes in 100 outlast their volunteer's session: started at a
 * random moment of it, and at its beginning; integrals of the published laws.
 */
const SURVIVAL: Record<string, readonly [random: number[], beginning: number[]]> = {
  'seti-like': [
    [100, 99, 97, 95],
    [90, 85, 77, 71],
  ],
  'evening-laptops': [
    [96, 88, 68, 48],
    [100, 95, 70, 43],
  ],
  'browser-tabs': [
    [96, 88, 71, 54],
    [81, 65, 44, 29],
  ],
  'phones-wifi': [
    [79, 54, 27, 14],
    [65, 30, 9, 3],
  ],
  'flash-crowd': [
    [87, 69, 42, 24],
    [54, 33, 14, 6],
  ],
}

for (const [name, [atRandom, atStart]] of Object.entries(SURVIVAL)) {
  const { session } = PRESETS.find((preset) => preset.name === name)!
  test(`${name}: work survives as often as its law says, to one per cent`, () => {
    const random = stream(30, 1)
    const rest = Array.from(
      { length: DRAWS },
      () => drawLengthBiased(random, session) * between(random, 0, 1),
    )
    const whole = Array.from({ length: DRAWS }, () => draw(random, session))
    const errors = (times: number[], expected: number[]) =>
      LENGTHS.map((minutes, i) => {
        const count = times.filter((ms) => ms > minutes * MINUTE_MS).length
        return Math.abs((100 * count) / DRAWS - expected[i]!)
      })
    const worst = Math.max(...errors(rest, atRandom), ...errors(whole, atStart))
    expect(worst).toBeLessThan(1)
  })
}

/** Visitors who arrive at random and stay: M/G/∞, whose mean is arrivals times stay (Little). */
for (const name of ['evening-laptops', 'browser-tabs', 'flash-crowd']) {
  test(`${name}: as many are there as arrivals times stay, to one per cent`, () => {
    const preset = PRESETS.find((one) => one.name === name)!
    const [wanted, days] = [2_000, 20]
    const queue = createEventQueue()
    let stay = 0
    churnOf(7, [{ preset, volunteers: wanted }], days * DAY_MS).start(queue, (session) => {
      stay += Math.min(session.endsAt, days * DAY_MS) - session.startsAt
    })
    queue.runUntil(days * DAY_MS)
    expect(Math.abs(stay / (days * DAY_MS) / wanted - 1)).toBeLessThan(0.01)
  })
}
