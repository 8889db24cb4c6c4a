/** How a simulation was made, as a paragraph for a paper, in the numbers of the figures. */
import { counted } from '../../protocol/index.ts'
import type { Figures } from './figures.ts'

export function methodsOf(figures: Figures): string {
  const { version, commit, days, seed, set, traceDigest, settings, energy } = figures
  const { round } = settings.run
  const { trainingWatts, waitingWatts, gridGramsPerKwh } = settings.world
  const of = commit === null ? '' : `, commit ${commit}`
  const changed = set.length === 0 ? 'Nothing else was set' : `Set by hand were ${set.join(', ')}`
  return [
    `We simulated churn with Barnraise (version ${version}${of}), which runs the state machines ` +
      'of its coordinator and its volunteers in virtual time.',
    `Who was there: ${whoOf(figures)}; ${number(days)} days from seed ${seed}.`,
    `Rounds had ${number(round.seconds)} s and a grace of ${number(round.graceSeconds)} s, and ` +
      `leases ${round.stepsMax} local steps at most. ${changed}.`,
    `Of ${number(figures.onlineHours)} hours online, ${percent(figures.goodput)} went into steps ` +
      `that were merged (goodput), in ${counted(figures.rounds.length, 'round')}; ` +
      `${counted(figures.violations.length, 'invariant')} did not hold.`,
    `At ${number(trainingWatts)} W for a machine that trains, ${number(waitingWatts)} W for one ` +
      `that waits, and ${number(gridGramsPerKwh)} g of CO2 a kWh, that is an estimated ` +
      `${number(energy.kwh)} kWh and ${number(energy.co2Kg)} kg of CO2.`,
    `The simulation is a function of its settings: its trace digest is ${traceDigest}.`,
  ].join(' ')
}

function whoOf({ crowd, trace }: Figures): string {
  if (trace === null)
    return `${number(crowd!.volunteers)} volunteers of the preset ${crowd!.preset}`
  const { format, digest, volunteers, sessions, notes } = trace
  const left = notes.length === 0 ? '' : ` (${notes.join('; ')})`
  return (
    `${counted(volunteers, 'volunteer')} with ${counted(sessions, 'session')} of a trace ` +
    `(${format}, SHA-256 ${digest})${left}`
  )
}

const number = (value: number): string => String(Number(value.toPrecision(4)))
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
