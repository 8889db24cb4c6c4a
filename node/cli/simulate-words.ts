/** What `barnraise simulate` says of a result in words and tables. */

import { type SimulationResult, wasteShares } from '../../simulations/index.ts'
import { EXIT } from '../exit-code.ts'
import { byteSize } from '../history/figures.ts'
import { CommandFailure } from './failure.ts'

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

export function figureRows(result: SimulationResult): [string, string][] {
  const waste = Object.entries(wasteShares(result.totals))
  return [
    ['goodput', percent(result.goodput)],
    ['up to the last merge', percent(result.goodputMerged)],
    ...waste.map(([cause, share]): [string, string] => [cause, percent(share)]),
    ['audit share', percent(result.auditShare)],
    ['rounds', String(result.rounds)],
    ['batches', String(result.batches)],
    ['received', byteSize(result.bytes.up)],
    ['sent', byteSize(result.bytes.down)],
  ]
}

/** What makes a result useless ends the command: a violation, or that nothing was merged. */
type Judged = Pick<SimulationResult, 'violations' | 'rounds' | 'totals'>

/** @throws CommandFailure where something that must hold did not, or where nothing was merged */
export function failIfUseless(results: readonly Judged[]): void {
  if (results.some(({ violations }) => violations.length > 0)) {
    throw new CommandFailure(EXIT.failure, 'Something did not hold')
  }
  const empty = results.filter(({ rounds }) => rounds === 0)
  if (empty.length === 0) return
  const of = results.length === 1 ? '' : ` in ${empty.length} of ${results.length} simulations`
  throw new CommandFailure(EXIT.failure, `No round was merged${of}: ${whyNothing(empty[0]!)}`)
}

const HOUR_MS = 3_600_000

function whyNothing({ totals }: Judged): string {
  if (totals.online === 0) return 'nobody was online. Simulate more --days, or more --volunteers'
  const hours = (totals.online / HOUR_MS).toFixed(1)
  const unfinished = percent(totals.waste.unfinished / totals.online)
  return (
    `of ${hours} h online, ${unfinished} were for the first round, which was open at the end. ` +
    'Simulate more --days, or shorter rounds, as --set round.seconds=300'
  )
}
