/** `barnraise simulate --replay RUN`: how well the simulator predicts a run that was. */

import { prepareSimulation } from '../../simulations/index.ts'
import { byteSize } from '../history/figures.ts'
import { type ObservedRun, observeRun, type RunFigures } from '../history/observe-run.ts'
import { runFolder } from '../run/run-folder.ts'
import { type Printer, printJson } from './output.ts'

export interface ReplayOptions {
  seed: number
  set: string[]
  json?: boolean
  print: Printer
}

const NO_LIMIT_MBIT = 10_000
const DAY_MS = 86_400_000
/** Room for a simulation that takes longer than the run did. */
const SLACK = 3

export async function replayRun(run: string, options: ReplayOptions): Promise<void> {
  const { seed, set, json, print } = options
  const observed = await observeRun(runFolder(run))
  const predicted = predict(observed, seed, set)
  const real = observed.figures
  print.line(`${observed.sessions.length} sessions, speeds and links are the journal's`)
  print.columns([['', 'real', 'predicted', 'off by'], ...rowsOf(real, predicted)])
  if (json) printJson({ real, predicted })
}

/** The same run, simulated in the world that its journal shows. */
export function predict(observed: ObservedRun, seed: number, set: string[]): RunFigures {
  const { config, merge, evaluation, setUp, prepare, lease, sessions, figures } = observed
  const { roundsMax, batchesMax } = config.training
  const isFinished = figures.rounds >= (roundsMax ?? Infinity) || figures.batches >= batchesMax
  const end = Math.max(...sessions.map(({ endMs }) => endMs))
  const until = isFinished ? SLACK * end : end
  // Whoever stayed to the end would have stayed longer, had it taken longer.
  const trace = sessions.map((session) => ({
    ...session,
    // What the journal shows took its time with all that was on its way.
    downMbit: NO_LIMIT_MBIT,
    latencyMs: 0,
    endMs: session.endMs > 0.98 * end ? until : session.endMs,
  }))
  const { history, batches, bytes, rounds, goodputMerged } = prepareSimulation({
    seed,
    set,
    config,
    trace,
    preset: '',
    volunteers: 0,
    swarm: false,
    days: until / DAY_MS,
    world: {
      measureMs: 0,
      mergeContributionMs: 0,
      basesCached: true,
      ...(merge !== null && { mergeMs: merge }),
      ...(evaluation !== null && { evaluateMs: evaluation }),
      // The first set-up has the first round's preparation in it.
      ...(setUp !== null && { setUpMs: Math.max(0, setUp - (prepare ?? 0)) }),
      ...(prepare !== null && { prepareMs: prepare }),
      ...(lease !== null && { leaseMs: lease }),
    },
  }).run(() => {})
  const times = history.rounds.map(({ startedAt, mergedAt }) => mergedAt - startedAt)
  const first = history.rounds[0]?.startedAt ?? 0
  return {
    rounds,
    batches,
    goodput: goodputMerged,
    bytesUp: bytes.up,
    ms: (history.rounds.at(-1)?.mergedAt ?? 0) - first,
    roundMs: times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length),
  }
}

function rowsOf(real: RunFigures, predicted: RunFigures): string[][] {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const rows: [string, keyof RunFigures, (value: number) => string][] = [
    ['time', 'ms', seconds],
    ['a round', 'roundMs', seconds],
    ['rounds', 'rounds', String],
    ['batches', 'batches', String],
    ['uploaded', 'bytesUp', byteSize],
    ['goodput', 'goodput', (share) => `${(100 * share).toFixed(1)} %`],
  ]
  return rows.map(([name, key, show]) => {
    const off = real[key] === 0 ? 0 : predicted[key] / real[key] - 1
    return [name, show(real[key]), show(predicted[key]), `${(100 * off).toFixed(1)} %`]
  })
}
