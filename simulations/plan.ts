/**
 * What to choose for given volunteers: the round's box, steps a lease, grace and quorum, one after
 * the other, each at the value that scores best with the others as they stand (coordinate search),
 * twice over. Every candidate meets the same volunteers, hour by hour, since their churn is drawn
 * from streams of their own.
 *
 * A choice scores by its goodput, less what speaks against it where goodput is nearly the same:
 * long rounds learn less from a token, and bytes cost volunteers money.
 */
import type { RunConfig } from '../protocol/index.ts'

export interface Choice {
  /** `round.seconds` */
  seconds: number
  /** `round.stepsMax`: H, the local steps between two merges of one lease's work. */
  stepsMax: number
  graceSeconds: number
  quorumFraction: number
}

/** What a choice costs and gives. */
export interface Trial extends Choice {
  goodput: number
  /** Uploaded for each hour that a volunteer is online. */
  bytesPerHour: number
  rounds: number
  score: number
}

const VALUES: { readonly [K in keyof Choice]: readonly number[] } = {
  seconds: [300, 600, 1200, 1800, 3600],
  stepsMax: [4, 8, 16, 32, 64],
  graceSeconds: [30, 60, 120, 180],
  quorumFraction: [0.3, 0.5, 0.8],
}
const KNOBS = Object.keys(VALUES) as (keyof Choice)[]
const PASSES = 2
/** A round twice as long has to win this much goodput. */
const PER_DOUBLING = 0.01
/** So have 100 MB an hour. */
const PER_100_MEGABYTES = 0.002

/** Simulations that a plan takes at most. */
export const TRIALS_MAX = PASSES * KNOBS.reduce((sum, knob) => sum + VALUES[knob].length, 1)

export type Try = (choice: Choice) => Omit<Trial, keyof Choice | 'score'>

/** All that was tried, the best first. `onTrial` hears of each. */
export function plan(
  { round }: RunConfig,
  attempt: Try,
  onTrial: (trial: Trial, count: number) => void,
): Trial[] {
  const trials = new Map<string, Trial>()
  const tried = (choice: Choice): Trial => {
    const key = KNOBS.map((knob) => choice[knob]).join()
    const known = trials.get(key)
    if (known !== undefined) return known
    const outcome = attempt(choice)
    const trial = { ...choice, ...outcome, score: scoreOf(choice, outcome) }
    trials.set(key, trial)
    onTrial(trial, trials.size)
    return trial
  }
  const { seconds, stepsMax, graceSeconds, quorumFraction } = round
  let best = tried({ seconds, stepsMax, graceSeconds, quorumFraction })
  for (let pass = 0; pass < PASSES; pass++) {
    for (const knob of KNOBS) {
      for (const value of VALUES[knob]) {
        const { seconds, stepsMax, graceSeconds, quorumFraction } = best
        const trial = tried({ seconds, stepsMax, graceSeconds, quorumFraction, [knob]: value })
        if (trial.score > best.score) best = trial
      }
    }
  }
  return [...trials.values()].sort((a, b) => b.score - a.score)
}

function scoreOf({ seconds }: Choice, { goodput, bytesPerHour }: ReturnType<Try>): number {
  const doublings = Math.log2(seconds / VALUES.seconds[0]!)
  return goodput - PER_DOUBLING * doublings - (PER_100_MEGABYTES * bytesPerHour) / 1e8
}
