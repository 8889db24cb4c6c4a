/**
 * A tunnel: a program of the user's that gives a port of this machine an address which others
 * reach, such as `cloudflared tunnel --url http://localhost:4001`. It prints that address among
 * other words, so each site that it names is asked whether it leads here. A program that ends once
 * it led here is started again; what it names then may be another address.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '../../protocol/index.ts'
import { heard } from '../heard.ts'
import { type Program, startProgram } from './tunnel-program.ts'

export interface TunnelOptions {
  /** A line for the user's shell. */
  command: string
  /** The port that it leads to: on this machine, that is no way here. */
  port: number
  leadsHere(address: string): Promise<boolean>
  /** Told of the address at first, and whenever it is another. */
  onAddress(address: string): void
  /** Told why it leads here no more, and null when it does again. */
  onLost(reason: string | null): void
  times?: Partial<typeof TIMES>
}

export interface Tunnel {
  /** Resolves with the first address. @throws ConfigError where the program comes to none */
  ready: Promise<string>
  stop(): Promise<void>
}

const TIMES = {
  /** A program has this long to name an address that leads here. */
  firstMs: 60_000,
  /** How often addresses are asked before one leads here, and after. */
  seekMs: 1_000,
  lookMs: 15_000,
  /** The first wait before the program is started again; each is twice as long, up to the last. */
  restartMs: 1_000,
  restartMsMax: 60_000,
}
/** So many looks in a row have to fail: a line may be slow for once. */
const FAILURES_MAX = 2

interface Watch extends TunnelOptions {
  times: typeof TIMES
  signal: AbortSignal
  /** Where it led here last; null: it has not yet. */
  address: string | null
  isLost: boolean
}

export function startTunnel(options: TunnelOptions): Tunnel {
  const stopping = new AbortController()
  const first = Promise.withResolvers<string>()
  const watch: Watch = {
    ...options,
    onAddress: (address) => {
      options.onAddress(address)
      first.resolve(address)
    },
    times: { ...TIMES, ...options.times },
    signal: stopping.signal,
    address: null,
    isLost: false,
  }
  const ran = keepRunning(watch).catch(first.reject)
  return {
    ready: heard(first.promise),
    stop: async () => {
      stopping.abort()
      await ran
    },
  }
}

/** @throws ConfigError where the first program comes to no address */
async function keepRunning(watch: Watch): Promise<void> {
  const { command, port, signal, times } = watch
  let waitMs = times.restartMs
  while (!signal.aborted) {
    const program = startProgram(command, port)
    const hasLed = await follow(program, watch)
    const ending = program.how()
    await program.stop()
    if (signal.aborted) return
    if (watch.address === null) throw noWay(program, ending, times.firstMs)
    lose(watch, `its program ${program.how()}`)
    if (hasLed) waitMs = times.restartMs
    await delay(waitMs, null, { signal }).catch(() => {})
    waitMs = Math.min(2 * waitMs, times.restartMsMax)
  }
}

/**
 * Looks after one program until it ends, or is late with a first address. Returns whether it led
 * here.
 */
async function follow(program: Program, watch: Watch): Promise<boolean> {
  const { times, signal } = watch
  const begun = performance.now()
  let current: string | null = null
  let failures = 0
  while (!signal.aborted && program.how() === null) {
    const leading = await leadingHere(program, current, watch)
    if (leading !== null) {
      current = leading
      failures = 0
      find(watch, leading)
    } else {
      failures += 1
      if (failures >= FAILURES_MAX) lose(watch, 'nothing of ours comes back from it')
      if (watch.address === null && performance.now() - begun > times.firstMs) break
    }
    const waitMs = leading === null ? times.seekMs : times.lookMs
    await Promise.race([program.ended, delay(waitMs, null, { signal }).catch(() => {})])
  }
  return current !== null
}

/** The address that it had, where that still leads here, before the others. */
async function leadingHere(
  { addresses }: Program,
  current: string | null,
  { leadsHere, signal }: Watch,
): Promise<string | null> {
  const newest = [...addresses].reverse()
  for (const address of new Set(current === null ? newest : [current, ...newest])) {
    if (!signal.aborted && (await leadsHere(address))) return address
  }
  return null
}

function find(watch: Watch, address: string): void {
  if (watch.address !== address) watch.onAddress(address)
  watch.address = address
  if (watch.isLost) watch.onLost(null)
  watch.isLost = false
}

function lose(watch: Watch, reason: string): void {
  if (watch.address === null || watch.isLost) return
  watch.isLost = true
  watch.onLost(reason)
}

/** @param ending how it ended by itself; null: it had to be stopped */
function noWay(program: Program, ending: string | null, firstMs: number): ConfigError {
  const asked = [...program.addresses].join(', ')
  const came = asked === '' ? 'it named no address' : `nothing of ours came back from ${asked}`
  const words = program.words()
  const how =
    ending === null ? ` within ${Math.round(firstMs / 1000)} seconds` : `, and it ${ending}`
  return new ConfigError(
    `Cannot be reached through the tunnel as ${came}${how}. '--tunnel' must be a command that ` +
      'leads to the port of the pages and prints its address' +
      (words === '' ? '' : `; it said: ${words}`),
  )
}
