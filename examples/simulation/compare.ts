/**
 * What a longer grace is worth to volunteers in browser tabs, over three seeds. Both settings meet
 * the same volunteers seed by seed, so what they differ by is not what the seeds differ by.
 * `npx tsx examples/simulation/compare.ts`
 */
import {
  differencesOf,
  type KeyFigures,
  keyFiguresOf,
  prepareSimulation,
  type Summary,
  summariesOf,
} from '../../simulations/index.ts'

const SEEDS = [1, 2, 3]

/** Key figures by seed, of a quarter of a day with twelve volunteers. */
function simulated(graceSeconds: number): KeyFigures[] {
  return SEEDS.map((seed) => {
    const prepared = prepareSimulation({
      seed,
      preset: 'browser-tabs',
      trace: null,
      config: null,
      volunteers: 12,
      days: 0.25,
      set: [`round.graceSeconds=${graceSeconds}`],
      swarm: false,
    })
    return keyFiguresOf(prepared.run(() => {}))
  })
}

const told = ({ mean, within }: Summary) =>
  `${(100 * mean).toFixed(1)} % ± ${(100 * (within ?? 0)).toFixed(1)}`

const [short, long] = [simulated(10), simulated(60)]
console.log(`grace of 10 s: goodput ${told(summariesOf(short).goodput!)}`)
console.log(`grace of 60 s: goodput ${told(summariesOf(long).goodput!)}`)
console.log(`difference: ${told(differencesOf(short, long).goodput!)}`)
