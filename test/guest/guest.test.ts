/** A guest looks at its machine, tells the volunteer, and hears the person. */
import { expect, test } from 'vitest'
import { overruleText } from '../../node/guest/explain.ts'
import type { Readings } from '../../node/guest/governor.ts'
import { startGuest } from '../../node/guest/guest.ts'

const QUIET: Readings = {
  minute: 0,
  isHidden: false,
  isOnBattery: false,
  othersShare: 0.1,
  celsius: 50,
  bytes: 2e6,
}
const PREFERENCES = {
  hours: [{ from: 0, to: 60 }],
  pauseHidden: false,
  pauseOnBattery: true,
  othersShareMax: 0.5,
  celsiusMax: 85,
  bytesMax: 10e6,
}

/** A guest on a machine that says what it is told to; what happens to its volunteer is written. */
async function newGuest(readings: Partial<Readings> = {}) {
  const told: string[] = []
  const machine = { at: 1_000, readings: { ...QUIET, ...readings } }
  const guest = await startGuest(
    {
      preferences: PREFERENCES,
      sensors: { read: async () => machine.readings },
      clock: () => machine.at,
      onChange: (reasons) => {
        for (const { text, override } of reasons) told.push(`${text} (${override})`)
      },
    },
    async (paused) => {
      told.push(`start ${paused ?? 'at work'}`)
      return {
        pause: (reason) => told.push(`pause ${reason}`),
        resume: () => told.push('resume'),
      }
    },
  )
  const look = (change: Partial<Readings>) => {
    Object.assign(machine.readings, change)
    return guest.look()
  }
  return { guest, told, look, machine }
}

for (const [what, readings, start, expected] of [
  ['nothing', {}, 'at work', []],
  [
    'the battery',
    { isOnBattery: true },
    'it is on battery',
    ['this machine runs on its battery (--on-battery)'],
  ],
  [
    'other programs',
    { othersShare: 0.784 },
    'other programs need it',
    ['other programs take 78 % of the processor, more than 50 % (--busy-above 100)'],
  ],
  [
    'heat',
    { celsius: 90.6 },
    'it is hot',
    ['this machine is at 91 °C, more than 85 °C (--hot-above 150)'],
  ],
  [
    'the time',
    { minute: 60 },
    'it is outside its hours',
    ['it is not 00:00-01:00 (other --hours)'],
  ],
  [
    'data',
    { bytes: 11e6 },
    'what it may move today is used up',
    ['11 MB of 10 MB were moved today (more --data-per-day)'],
  ],
] as [string, Partial<Readings>, string, string[]][]) {
  test(`it starts with ${what} against it`, async () => {
    const { told } = await newGuest(readings)
    expect(told.slice(0, -1)).toEqual(expected)
    expect(told.at(-1)).toBe(`start ${start}`)
  })
}

for (const [readings, paused, expected] of [
  [{}, true, 'npm run -s barnraise -- resume'],
  [
    { celsius: 90 },
    false,
    'npm run -s barnraise -- resume --anyway; for good, join with --hot-above 150',
  ],
  [
    { celsius: 90, isOnBattery: true },
    true,
    'npm run -s barnraise -- resume --anyway; for good, join with --on-battery, --hot-above 150',
  ],
] as const) {
  test(`what to do is told: ${expected}`, async () => {
    const { guest } = await newGuest(readings)
    if (paused) guest.pause(null)
    expect(overruleText(guest.standing().reasons)).toBe(expected)
  })
}

test('reasons come and go; the volunteer hears of changes only', async () => {
  const { told, look } = await newGuest()
  await look({})
  await look({ isOnBattery: true })
  await look({ othersShare: 0.6 })
  await look({ othersShare: 0.9 })
  await look({ isOnBattery: false })
  await look({ othersShare: 0.2 })
  expect(told.filter((text) => !text.includes('('))).toEqual([
    'start at work',
    'pause it is on battery',
    'pause it is on battery, other programs need it',
    'pause other programs need it',
    'resume',
  ])
})

test('a pause is at once, and ends by itself or by resume', async () => {
  const { guest, told, look, machine } = await newGuest()
  guest.pause(60_000)
  expect(guest.standing().pausedUntil).toBe(61_000)
  machine.at = 60_999
  await look({})
  machine.at = 61_000
  await look({})
  guest.pause(null)
  machine.at = 9e12
  await look({})
  guest.resume(false)
  const asked = ['you paused it (null)', 'pause its owner asked for it', 'resume']
  expect(told).toEqual(['start at work', ...asked, ...asked])
})

test('resume leaves other reasons; anyway overrules those that hold, until they pass', async () => {
  const { guest, told, look } = await newGuest({ isOnBattery: true })
  guest.pause(null)
  guest.resume(false)
  expect(guest.standing().reasons.map(({ reason }) => reason)).toEqual(['battery'])
  guest.resume(true)
  expect(guest.standing()).toMatchObject({ reasons: [], overruled: ['battery'] })
  await look({ isOnBattery: false })
  await look({ isOnBattery: true })
  expect(guest.standing()).toMatchObject({ overruled: [], pausedUntil: null })
  expect(told.filter((text) => !text.includes('('))).toEqual([
    'start it is on battery',
    'pause its owner asked for it, it is on battery',
    'pause it is on battery',
    'resume',
    'pause it is on battery',
  ])
})
