/** Who reaches a host from where, directly and through a relay: see README.md. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { killAll, ready, start } from './inside.ts'
import { KINDS, type Kind, LEADING_KINDS, makeNetworks } from './networks.ts'

/** Who is not connected so long after its start does not reach the host. */
const PATIENCE_MS = 10_000
/** All start and train on the cores of this one machine. */
const WORK_MS = 60_000

/** A run that outlasts them all. */
const STORIES = fileURLToPath(new URL('../../examples/sea-stories/stories', import.meta.url))
const RUN = `name: nat
base_model: embedded
datasets:
  - path: ${STORIES}
    type: completion
sequence_len: 64
micro_batch_size: 2
num_epochs: 10000
`

/** The link with addresses of one kind alone, or with all, as people have it. */
const WAYS = ['direct', 'relayed', 'whole link'] as const
type Way = (typeof WAYS)[number]

interface Cell {
  host: Kind
  volunteer: Kind
  way: Way
  /** Null: it was not connected, or came to no step. */
  found: Found | null
}

interface Found {
  /** Time from its start, once its program was there, to the connection. */
  seconds: number
  /** How it says that it is connected. */
  way: string
}

function linkBy(way: Way, link: string): string {
  if (way === 'whole link') return link
  const [addresses = '', fragment = ''] = link.replace('barnraise:', '').split('#')
  const kept = addresses
    .split(',')
    .filter((address) => address.includes('/p2p-circuit/') === (way === 'relayed'))
    .filter((address) => !address.startsWith('/ip4/127.'))
  return `barnraise:${kept.join(',')}#${fragment}`
}

async function measure(namespace: string, link: string, folder: string): Promise<Found | null> {
  const cache = await mkdtemp(join(folder, 'volunteer-'))
  const volunteer = start(namespace, ['join', link, '--dedicated', '--cache', cache])
  const ready = volunteer.seen('started', WORK_MS)
  const connected = volunteer.seen('connected', WORK_MS + PATIENCE_MS)
  const trained = volunteer.seen('step', 2 * WORK_MS + PATIENCE_MS)
  await ready
  const begun = performance.now()
  const late = delay(PATIENCE_MS, null, { ref: false })
  const fact = await Promise.race([connected, late])
  const seconds = (performance.now() - begun) / 1000
  const step =
    fact === null ? null : await Promise.race([trained, delay(WORK_MS, null, { ref: false })])
  volunteer.kill()
  return fact === null || step === null ? null : { seconds, way: fact.way ?? '' }
}

function tell(cells: readonly Cell[]): void {
  console.log(`| host | volunteer | ${WAYS.join(' | ')} |`)
  console.log(`|---|---|${'---|'.repeat(WAYS.length)}`)
  for (let at = 0; at < cells.length; at += WAYS.length) {
    const row = cells.slice(at, at + WAYS.length)
    const { host, volunteer } = row[0]!
    const told = row.map(({ found }) =>
      found === null ? 'no' : `${found.seconds.toFixed(1)} s, ${found.way}`,
    )
    console.log(`| ${host} | ${volunteer} | ${told.join(' | ')} |`)
  }
}

/** How a volunteer may have to come to a host; null: it cannot. */
function waysOf({ host, volunteer, way }: Cell): (string | null)[] {
  if (way === 'direct') return [isPublic(host) ? 'direct' : null]
  if (way === 'whole link' && isPublic(host)) return ['direct']
  // Nobody knows the port that a symmetric one gives to the next connection.
  if ([host, volunteer].includes('symmetric NAT')) return ['relayed']
  // Without a router, the other kernel has refused a dial before it makes one: these are so near.
  const isBare = host === 'public' && volunteer === 'public'
  return isBare ? ['relayed', 'hole punching'] : ['hole punching']
}

const isPublic = (kind: Kind): boolean =>
  kind === 'public' || LEADING_KINDS.some((leading) => leading === kind)
const chosen = (kind: Kind): boolean => argv.length === 2 || argv.includes(kind, 2)
const kinds = KINDS.filter(chosen)
const hostKinds = [...KINDS, ...LEADING_KINDS].filter(chosen)
const networks = makeNetworks(`barnraise-${process.pid}`)
const folder = await mkdtemp(join(tmpdir(), 'barnraise-nat-'))
try {
  const { namespace: street, address } = networks.street
  const { addresses = [] } = await ready(street, ['relay', '--identity', join(folder, 'relay.key')])
  const relay = addresses.find((one) => one.startsWith(`/ip4/${address}/`) && !one.includes('/ws'))!
  const volunteers = new Map(kinds.map((kind) => [kind, networks.machine(kind)]))
  await writeFile(join(folder, 'run.yaml'), RUN)
  const cells: Cell[] = []
  const misjudged: Kind[] = []
  for (const host of hostKinds) {
    const out = join(folder, host.replace(' ', '-'))
    const args = ['host', join(folder, 'run.yaml'), '--out', out, '--public', '--relay', relay]
    const { link = '', reached } = await ready(networks.machine(host), args)
    if (reached !== isPublic(host)) misjudged.push(host)
    for (const [volunteer, namespace] of volunteers) {
      for (const way of WAYS) {
        const found = await measure(namespace, linkBy(way, link), folder)
        cells.push({ host, volunteer, way, found })
      }
    }
  }
  tell(cells)
  const wrong = cells.filter((cell) => !waysOf(cell).includes(cell.found?.way ?? null))
  console.log(`\n${cells.length - wrong.length} as they have to be, ${wrong.length} not`)
  console.log(`told wrong of their reach: ${misjudged.join(', ') || 'none'}`)
  process.exitCode = wrong.length + misjudged.length === 0 ? 0 : 1
} finally {
  killAll()
  networks.remove()
  await rm(folder, { recursive: true, force: true })
}
