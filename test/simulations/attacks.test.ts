/**
 * Each attacker against a small swarm: what docs/threats.md says of it holds for every seed here,
 * and nobody honest is ever blamed.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { attackerOf, attacksOf } from '../../simulations/attack-settings.ts'
import { EVERYDAY } from '../../simulations/faults.ts'
import { figuresOf, prepareSimulation, reportPage } from '../../simulations/index.ts'
import { DEFAULT_RUN, defaultWorld } from '../../simulations/run-settings.ts'

const HOURS = 1 / 24
const SEEDS = [1, 2]
/** They want credit for steps that they do not train. */
const FREE_RIDERS = ['zeros', 'stale-delta', 'fewer-steps', 'copier']

function run(attack: string, trust: string, seed: number, set: string[] = []) {
  const who = { preset: 'seti-like', trace: null, config: null, volunteers: 12, days: 3 * HOURS }
  const result = prepareSimulation({
    ...who,
    attack,
    set: [`audit.trust=${trust}`, ...set],
    seed,
    swarm: false,
  }).run(() => {})
  expect(result.violations).toEqual([])
  expect(result.attacks.falseAccusations).toBe(0)
  return result
}

/** So many of the lies may still count when time is over: nobody has repeated them yet. */
for (const [name, trust, countsMax] of [
  ['zeros', 'strangers', 0],
  ['stale-delta', 'strangers', 0],
  ['fewer-steps', 'strangers', 4],
  ['copier', 'strangers', 0],
  ['noise', 'strangers', 0],
  ['scaled', 'strangers', 0],
  ['sign-flip', 'strangers', 0],
  ['last-step', 'strangers', 0],
  ['colluders', 'strangers', 4],
  ['sybils', 'strangers', 0],
  ['false-accuser', 'strangers', 0],
  ['zeros', 'friends', 0],
  ['noise', 'friends', 0],
  ['stale-delta', 'friends', 0],
  // Its first steps are right, so looks pass: once proven, it is found by one lease in 22.
  ['fewer-steps', 'friends', 32],
  ['copier', 'friends', 0],
  ['scaled', 'friends', 0],
  ['sign-flip', 'friends', 0],
  ['last-step', 'friends', 0],
] as const) {
  test(`${name} among ${trust} is caught`, () => {
    let lies = 0
    for (const seed of SEEDS) {
      const { found, bad, caught, creditShare, workShare } = run(`${name}:0.3`, trust, seed).attacks
        .byAttacker[name]!
      if (FREE_RIDERS.includes(name)) expect(creditShare).toBeLessThan(workShare! + 0.001)
      lies += bad
      expect(bad - caught).toBeLessThanOrEqual(countsMax)
      // Of two or three machines none may get to lie, as a copy of this round is refused at once.
      if (bad > 0) expect(found).toBeGreaterThanOrEqual(1)
    }
    expect(lies).toBeGreaterThan(0)
  })
}

test('fifty identities of one machine withhold no more than the share that they may', () => {
  for (const seed of SEEDS) {
    const { byAttacker } = run('withholding-crowd:0.1', 'friends', seed, [
      'round.batchesMax=256',
    ]).attacks
    const { identities, heldShare } = byAttacker['withholding-crowd']!
    const machines = identities / 50
    expect(heldShare).toBeGreaterThan(0)
    expect(heldShare).toBeLessThanOrEqual(0.1 * machines)
  }
})

test('what a machine is does not depend on who else is there', () => {
  const attacks = attacksOf('noise:0.5,zeros:0.25')
  const names = Array.from({ length: 1000 }, (_, host) => attackerOf(7, host, attacks)?.name)
  expect(names.filter((name) => name === 'noise').length).toBeCloseTo(500, -2)
  expect(names.filter((name) => name === undefined).length).toBeCloseTo(250, -2)
})

test('the README and the documents name attackers as they are given', () => {
  const files = ['README.md', 'docs/simulate.md', 'docs/threats.md']
  const examples = files.flatMap((file) => {
    const found = readFileSync(file, 'utf8').matchAll(/--attack\s+([a-z][^\s`)]+)/g)
    return [...found].map(([, text]) => text!)
  })
  expect(examples.length).toBeGreaterThan(1)
  for (const text of examples) expect(attacksOf(text), text).not.toEqual([])
})

for (const [text, what] of [
  ['nobody:0.1', /must be one of zeros, .*: current value is nobody/],
  ['noise', /NAME:SHARE,… with shares above 0 and below 1: current value is noise/],
  ['noise:0', /current value is noise:0/],
  ['noise:1', /current value is noise:1/],
  ['noise:0.1:2', /current value is noise:0.1:2/],
  ['noise:0.1,', /must be one of/],
  ['noise:0.1,noise:0.2', /name each attacker once/],
  ['noise:0.6,zeros:0.4', /add up to less than 1: they come to 1/],
] as const) {
  test(`nobody attacks by '${text}'`, () => expect(() => attacksOf(text)).toThrow(what))
}

test('the report has a table of attackers', () => {
  const result = run('noise:0.2,withholder:0.2', 'friends', 1)
  const made = {
    command: '',
    seed: 1,
    days: 1,
    version: '',
    commit: null,
    crowd: { preset: 'seti-like', volunteers: 1 },
    trace: null,
    set: [],
    settings: { run: DEFAULT_RUN, faults: EVERYDAY, world: defaultWorld(DEFAULT_RUN) },
  }
  const page = reportPage(figuresOf(result, made), 'attacked')
  expect(page).toMatch(/<td>noise<\/td>.*<td>withholder<\/td>/)
})
