/**
 * Ten thousand failures, seed after seed: kills, partitions, lost disks, lost and doubled messages,
 * coordinators that die before and after they wrote. Nothing may be lost or counted twice, and the
 * journal must give the live state each time. `npx tsx test/studies/failures.ts [COUNT]`
 */
import { drawFaults } from '../../simulations/faults.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { runWith } from '../../simulations/run-settings.ts'
import { simulate } from '../../simulations/simulator.ts'

const COUNT = Number(process.argv[2] ?? 10_000)
const HOUR = 1 / 24
/** What a message suffers happens thousands of times an hour: it is told, not counted. */
const COUNTED = /killed|partition|swizzle|damaged|refused|failed/

const config = runWith({
  training: { batchesMax: 1200 },
  round: { seconds: 120, graceSeconds: 15, batchesMax: 64 },
})
const failures = new Map<string, number>()
const broken: string[] = []
let [seed, total, replays] = [0, 0, 0]
while (total < COUNT) {
  seed += 1
  const preset = PRESETS[seed % PRESETS.length]!
  const result = simulate({
    seed,
    config,
    crowds: [{ preset, volunteers: 12 }],
    days: HOUR,
    daysToFinish: 4,
    faults: drawFaults(seed),
    checkEvery: 20,
  })
  for (const [name, count] of result.failures) {
    failures.set(name, (failures.get(name) ?? 0) + count)
    if (COUNTED.test(name)) total += count
  }
  replays += result.replays
  broken.push(...result.violations.map((what) => `seed=${seed}: ${what}`))
  process.stderr.write(`\rseed ${seed}: ${total} failures`)
}
process.stderr.write('\n')
console.log(
  JSON.stringify({ seeds: seed, total, replays, failures: Object.fromEntries(failures), broken }),
)
