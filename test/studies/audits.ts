/**
 * What audits cost, what they find, and whom they accuse: the real state machine over many lives,
 * beside the formula of its draws; then crowds that come and go, none of whom does anything wrong.
 * `npx tsx test/studies/audits.ts [LIVES]`
 *
 * A contribution is repeated in full with probability q = 0.045, and looked at with (1 - q) · 0.25:
 * at its first step, or, one time in 128, at all of its steps. So of n = 32 steps a lie
 *
 *   in all of them     is seen with  q + (1 - q) · 0.25
 *   in any one         is seen with  q + (1 - q) · 0.25 · E[k] / n
 *   in the last        is seen with  q + (1 - q) · 0.25 / 128
 *
 * where E[k] = 1 + (n - 1) / 128 are the steps of a look. The cost is
 * q + (1 - q) · 0.25 · E[k] / n, and 1 / 128 of that again, for those that the coordinator repeats
 * once more.
 */
import { recordOf } from '../../coordinator/record.ts'
import { crowdsOf, settingsWith } from '../../simulations/settings.ts'
import { simulate } from '../../simulations/simulator.ts'
import { auditedRun, caughtAfter, LEASE_STEPS } from '../coordinator/audit-lives.ts'

const LIVES = Number(process.argv[2] ?? 20_000)
/** Lives in one state machine: its leases are looked through when somebody is caught. */
const LIVES_A_RUN = 100
/** Enough in a row for the rate to be at its least. */
const LONG_PROVEN = 30
const HONEST_MIN = 100_000

const q = 0.045
const look = (1 - q) * 0.25
const lookSteps = 1 + (LEASE_STEPS - 1) / 128
const cost = (q + (look * lookSteps) / LEASE_STEPS) * (1 + 1 / 128)
const seenOnce = {
  fabricated: q + look,
  'one step': q + (look * lookSteps) / LEASE_STEPS,
  'last step': q + look / 128,
}

function newRun(trust: 'friends' | 'strangers', seed: number) {
  const run = auditedRun(trust, seed)
  const helpers = Array.from({ length: 12 }, (_, index) => `helper ${index}`)
  for (const peer of helpers) {
    run.join(peer)
    recordOf(run.state, peer).verifiedInARow = LONG_PROVEN
  }
  return { run, helpers }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

for (const trust of ['friends', 'strangers'] as const) {
  for (const [lie, within] of [
    ['fabricated', 15],
    ['one step', 50],
    ['last step', 50],
  ] as const) {
    let [caught, accused] = [0, 0]
    for (let first = 0; first < LIVES; first += LIVES_A_RUN) {
      const { run, helpers } = newRun(trust, 1 + first)
      for (let life = 0; life < Math.min(LIVES_A_RUN, LIVES - first); life++) {
        const asked = { lie, countMax: within, inARow: LONG_PROVEN }
        if (caughtAfter(run, `liar ${life}`, asked) !== null) caught += 1
      }
      accused += helpers.filter((peer) => recordOf(run.state, peer).erredAt !== null).length
    }
    const formula = 1 - (1 - seenOnce[lie]) ** within
    console.log(
      `${trust}: ${lie} wrong is caught within ${within} in ${percent(caught / LIVES)} of ` +
        `${LIVES} lives (formula ${percent(formula)}); ${accused} honest accused`,
    )
  }
  const { run: steady, helpers } = newRun(trust, 3)
  for (let turn = 0; turn < 8_000; turn++) for (const peer of helpers) steady.contribute(peer)
  const steadyCost = steady.counts.repeated / steady.counts.trained
  const { run: early } = newRun(trust, 4)
  for (let life = 0; life < 100; life++) {
    early.join(`newcomer ${life}`)
    for (let turn = 0; turn < 200; turn++) early.contribute(`newcomer ${life}`)
  }
  const earlyCost = early.counts.repeated / early.counts.trained
  console.log(
    `${trust}: in the long run ${percent(steadyCost)} of the steps are repeated ` +
      `(formula ${percent(cost)}), ` +
      `over the first 200 contributions of an identity ${percent(earlyCost)}`,
  )
}

let [contributions, accused, seed] = [0, 0, 0]
while (contributions < HONEST_MIN) {
  seed += 1
  const preset = ['seti-like', 'browser-tabs', 'phones-wifi', 'flash-crowd'][seed % 4]!
  const result = simulate({
    ...settingsWith([]),
    crowds: crowdsOf(preset, 300),
    seed,
    days: 1 / 2,
  })
  for (const round of result.history.rounds) contributions += round.contributions
  accused += result.audits.mismatches
  console.log(
    `seed=${seed} ${preset}: goodput ${percent(result.goodput)}, audits ` +
      `${percent(result.auditShare)} of the time that was of use, ` +
      `${result.violations.length} violations`,
  )
}
console.log(`${accused} false accusations in ${contributions} honest contributions with churn`)
