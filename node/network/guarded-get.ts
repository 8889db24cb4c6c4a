/**
 * A request to an address that somebody else named. It leads no nearer to this machine than they
 * are themselves: a coordinator elsewhere names no place in this network, nor does a web server
 * lead to one. What counts is the number that is dialled, whatever name stands for it.
 */
import { lookup } from 'node:dns'
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isLoopbackHost } from '../secure-address.ts'
import type { AskMirror } from './mirror-source.ts'
import { PLACES, type Place, placeOf } from './near.ts'

const REDIRECTS_MAX = 5

/** @param nearest where it may lead at the nearest */
export function guardedGet(nearest: Place): AskMirror {
  return async (url, headers, signal) => {
    let next = new URL(url)
    let allowed = nearest
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const response = await getOnce(next, allowed, headers, signal)
      const { statusCode: status = 0 } = response
      const { location } = response.headers
      const isRedirect = status >= 300 && status < 400 && location !== undefined
      const cancel = () => void response.destroy()
      if (!isRedirect) return { status, body: response, cancel }
      allowed = further(allowed, placeOf(response.socket.remoteAddress ?? ''))
      cancel()
      if (!URL.canParse(location, next.href)) throw new Error('it leads to no address')
      next = new URL(location, next)
    }
    throw new Error(`it redirects more than ${REDIRECTS_MAX} times`)
  }
}

const further = (one: Place, other: Place): Place =>
  PLACES.indexOf(one) > PLACES.indexOf(other) ? one : other

function getOnce(
  url: URL,
  allowed: Place,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const isPlain = url.protocol === 'http:' && isLoopbackHost(url)
  if (!isPlain && url.protocol !== 'https:') throw new Error(`${url.origin} is not https`)
  // Numbers are dialled without being looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) checkPlace(host, allowed)
  const get = isPlain ? httpGet : httpsGet
  const options = {
    // Packed on the way, a file would have another length, and other ranges.
    headers: { 'accept-encoding': 'identity', 'user-agent': 'barnraise', ...headers },
    // A connection that is left over was checked for somebody else.
    agent: false as const,
    lookup: guardedLookup(allowed),
    signal,
  }
  return new Promise((resolve, reject) => {
    const request: ClientRequest = get(url, options, resolve)
    request.on('error', reject)
  })
}

/** @throws Error where an address is nearer than is allowed */
function checkPlace(address: string, allowed: Place): void {
  if (PLACES.indexOf(placeOf(address)) >= PLACES.indexOf(allowed)) return
  throw new Error(`${address} is an address of this machine's own network`)
}

/** The system looks a name up; one that stands for a place too near stands for nothing. */
function guardedLookup(allowed: Place): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '', 0)
      try {
        for (const { address } of found) checkPlace(address, allowed)
      } catch (refusal) {
        return callback(refusal as Error, '', 0)
      }
      if (options.all === true) callback(null, found)
      else callback(null, found[0]?.address ?? '', found[0]?.family)
    })
  }
}
