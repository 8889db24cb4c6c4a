/** `barnraise simulate`: a run with thousands of volunteers, in virtual time, from one seed. */
import { prepareSimulation, type SimulationRequest, wasteShares } from '../../simulations/main.ts'
import { EXIT } from '../exit-code.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printLine, printTable } from './output.ts'
import { bar, byteSize, createScreen } from './terminal.ts'

export interface SimulateCommandOptions extends SimulationRequest {
  json?: boolean
}

const BAR_WIDTH = 20

/** Exit code 1 where something that must hold did not. */
export async function simulate(options: SimulateCommandOptions): Promise<void> {
  const { seed, volunteers, days } = options
  const { faults, run } = prepareSimulation(options)
  const screen = createScreen(process.stderr)
  const drawn = Object.entries(faults).filter(([, rate]) => rate !== 0)
  printLine(`seed=${seed}`)
  printLine(`faults: ${drawn.map(([name, rate]) => `${name} ${rate}`).join(', ') || 'none'}`)
  const startedAt = performance.now()
  const result = run((share) =>
    screen.update(`${bar(share, BAR_WIDTH)} day ${(share * days).toFixed(2)} of ${days}`),
  )
  screen.clear()
  const wallSeconds = (performance.now() - startedAt) / 1000
  const peakBytes = process.resourceUsage().maxRSS * 1024
  const { events, goodput, rounds, violations, traceDigest } = result
  const waste = wasteShares(result)
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  printTable([
    ['goodput', percent(goodput)],
    ...Object.entries(waste).map(([cause, share]): [string, string] => [cause, percent(share)]),
    ['rounds', String(rounds)],
    ['received', byteSize(result.bytes.up)],
    ['sent', byteSize(result.bytes.down)],
    ['events', `${events} in ${wallSeconds.toFixed(1)} s, ${byteSize(peakBytes)} of memory`],
    ['trace', traceDigest],
    ...violations.map((what): [string, string] => ['violated', what]),
  ])
  printLine(`seed=${seed}; again: ${commandOf(options)}`)
  if (options.json) {
    printJson({
      ...{ seed, volunteers, days, wallSeconds, peakBytes, events, goodput, waste },
      ...{ rounds, violations, traceDigest },
    })
  }
  if (violations.length > 0) throw new CommandFailure(EXIT.failure, 'Something did not hold')
}

function commandOf({ seed, preset, volunteers, days, set, swarm }: SimulationRequest): string {
  const sets = set.map((change) => ` --set ${change}`).join('')
  const parts = `--preset ${preset} --volunteers ${volunteers} --days ${days} --seed ${seed}`
  return `barnraise simulate ${parts}${sets}${swarm ? ' --swarm' : ''}`
}
