/** Whether strangers reach a port of this machine: a peer elsewhere is asked to dial it. */
import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { connect } from '../network/dial.ts'
import { answerDialBack, askDialBack } from '../network/dial-back.ts'
import { NetworkError } from '../network/errors.ts'
import { checkFree } from '../network/free-ports.ts'
import { createHost } from '../network/host.ts'
import { findInvite } from '../network/page-link.ts'
import { localTransports } from '../network/transports.ts'
import { type Reach, reachOf } from './reach.ts'

const NONCE_BYTES = 16

/** @param whom a link, or the address that a relay prints */
export async function reachAsSeenBy(whom: string, port: number): Promise<Reach> {
  const listen = [`/ip4/0.0.0.0/tcp/${port}/ws`]
  const addresses = vantageOf((await findInvite(whom)).addresses)
  await checkFree(listen)
  const host = await createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen,
    role: 'volunteer',
    transports: localTransports({
      onRequest: (request, response) => {
        if (!answerDialBack(request, response)) response.writeHead(404).end()
      },
    }),
  })
  try {
    const connection = await connect(host, addresses)
    return reachOf(
      await askDialBack(connection, { port, nonce: randomBytes(NONCE_BYTES).toString('hex') }),
      port,
    )
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error
    const advice = 'ask a relay or a run of this version that this machine reaches'
    return { reached: null, found: error.message, advice, router: null }
  } finally {
    await host.stop()
  }
}

/** A relay sees more of the world than the run behind it does. */
function vantageOf(addresses: readonly string[]): string[] {
  const relays = addresses
    .filter((address) => address.includes('/p2p-circuit'))
    .map((address) => address.split('/p2p-circuit')[0]!)
  const [relay] = relays
  return relay === undefined ? [...addresses] : [relay]
}
