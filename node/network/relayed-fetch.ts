/**
 * `fetch` for a run whose pages no web server serves: what is asked goes over libp2p, through a
 * relay, to the coordinator. The connection is made when it is first needed, and again when it is
 * gone.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, ConnectionGater } from '@libp2p/interface'
import { connect } from './dial.ts'
import { createHost, type Host, type Transports } from './host.ts'
import { askOver } from './http.ts'

/** Asks for a path, which begins with a slash. */
export interface RelayedFetch {
  ask(path: string, init?: RequestInit): Promise<Response>
  stop(): Promise<void>
}

export interface RelayedFetchOptions {
  /** Multiaddrs of the coordinator, asked for each time that it is dialled. */
  addresses(): readonly string[]
  transports: Transports
  connectionGater?: ConnectionGater
}

export function createRelayedFetch(options: RelayedFetchOptions): RelayedFetch {
  let host: Promise<Host> | null = null
  let connection: Promise<Connection> | null = null

  async function open(): Promise<Connection> {
    host ??= hostOf(options)
    const opened = await connect(await host, [...options.addresses()])
    const forget = () => {
      connection = null
    }
    opened.addEventListener('close', forget)
    return opened
  }

  function connected(): Promise<Connection> {
    connection ??= open().catch((error: Error) => {
      connection = null
      throw error
    })
    return connection
  }

  return {
    async ask(path, init) {
      const first = await connected()
      try {
        return await askOver(first, path, init)
      } catch (error) {
        // Who was silent for long has been disconnected; what changes something is not said twice.
        if (first.status === 'open' || init?.method === 'POST') throw error
        return askOver(await connected(), path, init)
      }
    },
    stop: async () => (await host)?.stop(),
  }
}

/** One who only looks has a key of its own each time, so that nobody knows it again. */
async function hostOf({ transports, connectionGater }: RelayedFetchOptions): Promise<Host> {
  return createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen: [],
    role: 'volunteer',
    transports,
    ...(connectionGater === undefined ? {} : { connectionGater }),
  })
}
