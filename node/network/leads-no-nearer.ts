/**
 * Whether an address that a coordinator names leads no nearer to this machine than the coordinator
 * was when it named it. A name is looked up just before it is dialled, by what dials it, too: one
 * that stands for a nearer number, beside others or alone, leads there.
 */
import { lookup } from 'node:dns/promises'
import { isNoNearer } from './near.ts'

export type LookUp = (name: string) => Promise<{ address: string }[]>

/** A name that is not known by then is left out: others are waiting to be dialled. */
const LOOK_UP_MS = 3_000

/**
 * @param address a multiaddr
 * @param from the multiaddr of the connection by which it was named
 */
export async function leadsNoNearer(
  address: string,
  from: string,
  lookUp: LookUp = lookUpAll,
): Promise<boolean> {
  if (!isNoNearer(address, from)) return false
  const may = await Promise.all(
    namesIn(address).map(async (name) => {
      const found = await soon(lookUp(name)).catch(() => [])
      return found.length > 0 && found.every((one) => isNoNearer(`/ip/${one.address}`, from))
    }),
  )
  return may.every(Boolean)
}

/** WebSockets over TLS dial the name that is to be in the certificate (SNI), if there is one. */
function namesIn(address: string): string[] {
  const [, kind = '', first = ''] = address.split('/')
  const [, sni] = /\/sni\/([^/]+)/.exec(address) ?? []
  return [...(kind.startsWith('dns') ? [first] : []), ...(sni === undefined ? [] : [sni])]
}

const lookUpAll: LookUp = (name) => lookup(name, { all: true })

async function soon<T>(found: Promise<T[]>): Promise<T[]> {
  const late = Promise.withResolvers<T[]>()
  const timer = setTimeout(() => late.resolve([]), LOOK_UP_MS)
  return Promise.race([found, late.promise]).finally(() => clearTimeout(timer))
}
