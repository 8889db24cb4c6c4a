/** What the machine says about itself, from files and words as systems write them. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { checkData } from '../../node/compute/job.ts'
import { batteryByStatus, batteryIn, batteryOf } from '../../node/guest/battery.ts'
import { openDataMeter } from '../../node/guest/data-meter.ts'
import { readCelsius } from '../../node/guest/heat.ts'
import { othersShare, readProcessorTimes } from '../../node/guest/load.ts'
import { createSensors } from '../../node/guest/sensors.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../roles/swarm.ts'

/** Files of /sys by name, as the kernel writes them: a line each. */
async function sysFolder(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), `${text}\n`)
  }
  return folder
}

const MAINS = { 'AC/type': 'Mains', 'AC/online': '1' }

for (const [what, files, expected] of [
  ['no power supply', {}, null],
  ['a desktop', MAINS, null],
  ['mains', { ...MAINS, 'BAT0/type': 'Battery', 'BAT0/status': 'Charging' }, false],
  ['mains, full', { ...MAINS, 'BAT0/type': 'Battery', 'BAT0/status': 'Full' }, false],
  ['the battery', { ...MAINS, 'BAT0/type': 'Battery', 'BAT0/status': 'Discharging' }, true],
  [
    'the second of two',
    {
      'BAT0/type': 'Battery',
      'BAT0/status': 'Not charging',
      'BAT1/type': 'Battery',
      'BAT1/status': 'Discharging',
    },
    true,
  ],
  [
    'that of a mouse alone',
    { 'hid/type': 'Battery', 'hid/scope': 'Device', 'hid/status': 'Discharging' },
    null,
  ],
] as [string, Record<string, string>, boolean | null][]) {
  test(`battery: ${what}`, async () => {
    expect(await batteryOf(await sysFolder(files))).toBe(expected)
  })
}

test('battery: a folder that is not there', async () => {
  expect(await batteryOf(join(await temporaryFolder(), 'missing'))).toBe(null)
})

for (const [text, expected] of [
  ["Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t80%; discharging", true],
  ["Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t80%; charging", false],
  ['', null],
] as const) {
  test(`battery: pmset writes ${text.split('\n')[0]}`, () => expect(batteryIn(text)).toBe(expected))
}

for (const [text, expected] of [
  ['1\r\n', true],
  ['2\r\n', false],
  ['2\r\n1\r\n', true],
  ['', null],
  ['Get-CimInstance : Access denied', null],
] as const) {
  test(`battery: Windows says ${JSON.stringify(text)}`, () => {
    expect(batteryByStatus(text)).toBe(expected)
  })
}

for (const [what, files, expected] of [
  ['no zone', {}, null],
  ['the hottest', { 'thermal_zone0/temp': '27800', 'thermal_zone1/temp': '81500' }, 81.5],
  ['no sensor', { 'thermal_zone0/temp': '-274000', 'thermal_zone1/temp': '200000' }, null],
  ['a fan', { 'cooling_device0/temp': '99000', 'thermal_zone0/temp': '40000' }, 40],
] as [string, Record<string, string>, number | null][]) {
  test(`heat: ${what}`, async () => {
    expect(await readCelsius(await sysFolder(files))).toBe(expected)
  })
}

const START = { total: 1000, idle: 500, nice: 100, ownUser: 50, ownSystem: 10 }

for (const [what, { total, idle, nice, ownUser, ownSystem }, expected] of [
  ['nothing but us', { total: 100, idle: 40, nice: 58, ownUser: 58, ownSystem: 2 }, 0],
  ['others take half', { total: 100, idle: 10, nice: 38, ownUser: 38, ownSystem: 2 }, 0.5],
  ['others that are nice', { total: 100, idle: 0, nice: 90, ownUser: 40, ownSystem: 10 }, 0],
  ['nice is not counted', { total: 100, idle: 0, nice: 0, ownUser: 60, ownSystem: 0 }, 0.4],
  ['clocks that disagree', { total: 100, idle: 90, nice: 12, ownUser: 12, ownSystem: 0 }, 0],
  ['no time', { total: 0, idle: 0, nice: 0, ownUser: 0, ownSystem: 0 }, null],
] as const) {
  test(`load: ${what}`, () => {
    const now = {
      total: START.total + total,
      idle: START.idle + idle,
      nice: START.nice + nice,
      ownUser: START.ownUser + ownUser,
      ownSystem: START.ownSystem + ownSystem,
    }
    expect(othersShare(START, now)).toBe(expected)
  })
}

test('this machine is read', async () => {
  const times = readProcessorTimes()
  expect(times.total).toBeGreaterThan(times.idle)
  const { minute, bytes } = await createSensors(() => 7).read()
  expect(bytes).toBe(7)
  expect(minute).toBeLessThan(24 * 60)
})

test('data is counted by day, and over restarts', async () => {
  const file = join(await temporaryFolder(), 'moved.json')
  let now = new Date(2026, 10, 3, 23, 59)
  const meter = await openDataMeter(file, () => now)
  meter.add(5)
  meter.add(6)
  expect(meter.today()).toBe(11)
  await meter.save()
  expect((await openDataMeter(file, () => now)).today()).toBe(11)
  now = new Date(2026, 10, 4)
  expect([meter.today(), (await openDataMeter(file, () => now)).today()]).toEqual([0, 0])
})

for (const text of ['', '{"day":', '{"day":"2026-11-3","bytes":-1}', 'null']) {
  test(`a meter that reads '${text}' starts anew`, async () => {
    const file = join(await temporaryFolder(), 'moved.json')
    await writeFile(file, text)
    const meter = await openDataMeter(file, () => new Date(2026, 10, 3))
    meter.add(1)
    await meter.save()
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ day: '2026-11-3', bytes: 1 })
  })
}

test('a base that is more than may be moved in a day is refused before it is fetched', () => {
  const base = { digest: '', bytes: 270e6 }
  expect(() => checkData(base, 100e6)).toThrow(ConfigError)
  expect(() => checkData(base, 100e6)).toThrow('must be at least 270 MB')
  for (const enough of [270e6, null]) expect(() => checkData(base, enough)).not.toThrow()
})

test('the lowest priority is that of all threads, those to come as well', async () => {
  const script = fileURLToPath(new URL('nice-threads.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  expect(JSON.parse(stdout)).toEqual([19])
})
