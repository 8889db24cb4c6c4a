/** `barnraise relay`: helps hosts that nobody reaches; prints what they give to `--relay`. */
import { join } from 'node:path'
import { relayPages } from '../dashboard/relay-pages.ts'
import { createLog } from '../log.ts'
import { checkFree } from '../network/free-ports.ts'
import { announcedAddress } from '../network/link.ts'
import { PLACES, placeOfMultiaddr } from '../network/near.ts'
import { isLoopback } from '../network/network-of.ts'
import { startRelay } from '../roles/relay.ts'
import { othersCommand, quoted } from './command.ts'
import { cacheFolder } from './folders.ts'
import { onInterrupt } from './interrupt.ts'
import { listenAddresses } from './listen-addresses.ts'
import { printJson, printLine, whenChanged } from './output.ts'
import { createScreen } from './terminal.ts'

export interface RelayCommandOptions {
  port: number
  /** False: it listens on this machine only. */
  public: boolean
  announce?: string[]
  allow?: string[]
  hosts: number
  perHost: number
  perAddress: number
  relayed: number
  identity?: string
  json?: boolean
  verbose?: boolean
}

const LOOK_MS = 1_000

export async function relay(options: RelayCommandOptions): Promise<void> {
  const { hosts, perHost, perAddress, relayed, allow, identity, json, verbose } = options
  const screen = createScreen(process.stderr)
  const log = createLog(verbose ? 'debug' : 'warn', (line) => screen.print(line.trimEnd()))
  const listen = listenAddresses(options)
  const announce = (options.announce ?? []).map(announcedAddress)
  await checkFree(listen)
  const role = await startRelay({
    identity: identity ?? join(cacheFolder(), 'relay', 'identity.key'),
    listen,
    announce,
    caps: {
      allowed: allow === undefined ? null : new Set(allow),
      hostsMax: hosts,
      perHostMax: perHost,
      perAddressMax: perAddress,
      relayedMax: relayed,
    },
    pages: relayPages,
    log,
  })
  if (json) printJson({ type: 'ready', addresses: role.addresses })
  else for (const line of readyLines(role.addresses)) printLine(line)
  const tell = whenChanged((status: ReturnType<typeof role.status>) =>
    json ? printJson({ type: 'status', ...status }) : undefined,
  )
  const timer = setInterval(() => {
    const status = role.status()
    tell(status)
    if (!json) screen.update(`${status.relayed} volunteers of ${status.hosts} hosts pass through`)
  }, LOOK_MS)
  const interrupted = Promise.withResolvers<void>()
  const stopListening = onInterrupt(() => interrupted.resolve())
  await interrupted.promise
  clearInterval(timer)
  screen.clear()
  stopListening()
  await role.stop()
}

export function readyLines(addresses: readonly string[]): string[] {
  const sorted = addresses.toSorted((a, b) => nearnessOf(a) - nearnessOf(b))
  const host = hostOf(sorted[0] ?? '')
  const here = sorted.filter((address) => hostOf(address) === host)
  // A host and a volunteer get to each other by the first of them, as far as that is TCP.
  const given = [here.find(isForProcesses), here.find(isForPages)].flatMap((one) => one ?? [])
  const others = sorted.filter((address) => !given.includes(address))
  return [
    'A host that nobody reaches comes by this, and its link leads through here:\n',
    `  ${othersCommand(`host run.yaml --relay ${given.map(quoted).join(' ')}`)}`,
    ...(others.length > 0 ? ['\nOr by other addresses, each of which is enough:\n'] : []),
    ...others.map((address) => `  ${quoted(address)}`),
    '\nBy those with /ws its pages are here as well. Where a host names one without /ws',
    'before them, it and its volunteers leave the relay again where they can. What passes',
    'is encrypted from end to end. Ctrl-C ends it.',
    ...(addresses.every(isLoopback) ? HERE_ONLY : []),
  ]
}

const isForPages = (address: string): boolean => address.includes('/ws')
const isForProcesses = (address: string): boolean => !isForPages(address)

/** `/ip4/192.0.2.7/tcp/4001/ws` -> `192.0.2.7` */
const hostOf = (address: string): string => address.split('/')[2] ?? ''

/** Who is in the world comes before who is in a home, and last what is this machine alone. */
const nearnessOf = (address: string): number => -PLACES.indexOf(placeOfMultiaddr(address))

const HERE_ONLY = [
  '\nThese work on this machine only, and so do the links that lead through here: name with',
  '--announce the address at which others reach it, or leave --no-public out.',
]
