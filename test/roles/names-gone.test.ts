/** A volunteer that has joined by a name, and whose names lead nowhere for a while. */
import dns from 'node:dns'
import { expect, test, vi } from 'vitest'
import { createLog } from '../../node/log.ts'
import { parseLink } from '../../node/network/link.ts'
import { openRun } from '../../node/run/open-run.ts'
import { chaosProxy } from '../network/chaos-proxy.ts'
import { freePort } from './free-port.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

const PATIENT = { timeout: 120_000 }
const STEPS = 32
const LEASE = 4
const NAME = 'run.example.org'

/** A resolver that knows one name, as long as it answers. */
function standInResolver() {
  const resolver = { answers: true }
  const address = { address: '127.0.0.1', family: 4 }
  const failure = () =>
    Object.assign(new Error(`getaddrinfo EAI_AGAIN ${NAME}`), { code: 'EAI_AGAIN' })
  const { lookup } = dns
  const { lookup: promised } = dns.promises
  type Heard = (error: Error | null, address?: unknown, family?: number) => void
  const byCallback = (name: string, options: dns.LookupOptions, heard: Heard) => {
    if (name !== NAME) return lookup(name, options, heard as never)
    if (!resolver.answers) return setImmediate(() => heard(failure()))
    setImmediate(() => (options.all ? heard(null, [address]) : heard(null, address.address, 4)))
  }
  vi.spyOn(dns, 'lookup').mockImplementation(byCallback as never)
  vi.spyOn(dns.promises, 'lookup').mockImplementation((async (name: string) => {
    if (name !== NAME) return promised(name)
    if (resolver.answers) return address
    throw failure()
  }) as never)
  return resolver
}

for (const [wire, way] of [
  ['TCP', ''],
  ['WebSockets', '/ws'],
] as const) {
  test(`over ${wire} it says why it waits, comes back, and loses no batch`, async () => {
    const said: string[] = []
    let leases = 0
    const resolver = standInResolver()
    const port = await freePort()
    const proxy = await chaosProxy([`/ip4/127.0.0.1/tcp/${port}${way}`])
    const outside = proxy.addresses[0]!.replace('/ip4/127.0.0.1/', `/dns4/${NAME}/`)
    const run = await prepareSmallRun(
      { max_steps: STEPS },
      { lease_steps_min: LEASE, lease_steps_max: LEASE, rejoin_seconds: 60 },
    )
    // It names nothing but the name, so those who are here know no other way.
    const hosted = await hostRun(run, {
      listen: [`/ip4/127.0.0.1/tcp/${port}${way}`],
      announce: [outside],
      onProgress: ({ type }) => {
        if (type !== 'leased') return
        leases += 1
        if (leases > 1) return
        resolver.answers = false
        proxy.resetAll()
      },
    })
    const isWhy = (line: string) =>
      line.includes(`Cannot reach the run at ${NAME}`) &&
      line.includes('its name cannot be looked up: is this machine online?); trying again in')
    const log = createLog('info', (line) => said.push(line))
    await joinRun(run, parseLink(hosted.link), 'ada', { log })
    await expect.poll(() => said.some(isWhy), PATIENT).toBe(true)
    resolver.answers = true
    await hosted.finished
    await hosted.stop()
    const { state } = await openRun(run)
    expect(state.ledger.counted).toEqual([{ start: 0, end: STEPS }])
    // Each batch was leased once: who had it when names were gone handed it in.
    expect(leases).toBe(STEPS / LEASE)
  })
}
