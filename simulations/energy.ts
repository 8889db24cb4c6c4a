/**
 * What a simulated run draws from the wall, and what that emits: an estimate, of constants that
 * want to be set by whoever knows better (`--set world.trainingWatts=65`).
 *
 *   kWh = (trainingWatts · (counted + trained for nothing + auditing)
 *          + waitingWatts · (waiting + loading)) · hours / 1000
 *
 * The coordinator's own machine, the network, and what a machine draws without us are not in it.
 * Source: Mahesri and Vardhan 2004, Power Consumption Breakdown on a Modern Laptop (a whole laptop
 * draws 8 W to 30 W, by its load). The 473 g of CO2 a kWh are a rough mean, without a source.
 */
import type { Totals } from './accounts.ts'

export interface EnergyRates {
  /** A volunteer's machine draws it while it trains, or repeats what others trained. */
  trainingWatts: number
  /** A machine draws it while it is online otherwise. */
  waitingWatts: number
  /** CO2 of the electricity, g. */
  gridGramsPerKwh: number
}

export const ENERGY_RATES: EnergyRates = {
  trainingWatts: 30,
  waitingWatts: 8,
  gridGramsPerKwh: 473,
}

export interface Energy {
  kwh: number
  co2Kg: number
}

const WATT_MS_PER_KWH = 3_600_000_000

/** What all volunteers together draw. */
export function energyOf({ online, waste }: Totals, rates: EnergyRates): Energy {
  const waitingMs = waste.waiting + waste.loading
  const wattMs = rates.trainingWatts * (online - waitingMs) + rates.waitingWatts * waitingMs
  const kwh = wattMs / WATT_MS_PER_KWH
  return { kwh, co2Kg: (kwh * rates.gridGramsPerKwh) / 1000 }
}
