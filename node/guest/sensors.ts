/** What this machine says about itself, as the governor asks. */
import { readBattery } from './battery.ts'
import type { Readings } from './governor.ts'
import { readCelsius } from './heat.ts'
import { othersShare, readProcessorTimes } from './load.ts'
import { createSustained } from './sustained.ts'

/** Asking macOS or Windows for its battery starts a program. */
const BATTERY_MS = 30_000

export interface Sensors {
  /** Never fails: what can't be read is null. */
  read(): Promise<Readings>
}

/** @param bytesToday what was moved today */
export function createSensors(bytesToday: () => number): Sensors {
  const share = createSustained()
  const celsius = createSustained()
  let times = readProcessorTimes()
  let battery: { at: number; isUsed: boolean | null } | null = null
  return {
    async read() {
      const now = new Date()
      const at = now.getTime()
      if (battery === null || at - battery.at >= BATTERY_MS) {
        battery = { at, isUsed: await readBattery() }
      }
      const before = times
      times = readProcessorTimes()
      const taken = othersShare(before, times)
      if (taken !== null) share.add(taken, at)
      const hottest = await readCelsius()
      if (hottest !== null) celsius.add(hottest, at)
      return {
        minute: now.getHours() * 60 + now.getMinutes(),
        isHidden: false,
        isOnBattery: battery.isUsed,
        othersShare: share.value(at),
        celsius: celsius.value(at),
        bytes: bytesToday(),
      }
    },
  }
}
