/**
 * UPnP: asks the router of a home, an Internet Gateway Device of either version, to lead one of its
 * ports to this machine. Whoever is in the network may answer anything, so what comes is bounded in
 * bytes and time, and only the machine that answered is asked further.
 *
 * Source: UPnP Device Architecture 2.0, §1.3 (search); WANIPConnection:1 (AddPortMapping,
 * GetExternalIPAddress, DeletePortMapping)
 */
import { createSocket } from 'node:dgram'
import { piecesOf } from '../stream-pieces.ts'
import { asError } from './errors.ts'
import { isOfHome, sharesNetwork } from './near.ts'

/** A router that says that it leads ports, and where it is asked to. */
export interface Gateway {
  /** The router's address in this network, and this machine's. */
  router: string
  own: string
  control: URL
  service: string
}

const GROUP = { address: '239.255.255.250', port: 1900 }
const KINDS = [1, 2].map(
  (version) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`,
)
/** Routers answer within MX seconds. */
const MX = 2
const SEARCH_MS = 4_000
/** A question to all is one packet, which may get lost. */
const SEARCH_AGAIN_MS = 1_000
const ANSWER_MS = 5_000
const ANSWER_BYTES_MAX = 64 * 1024
const LOCATIONS_MAX = 8

/** The gateways of this network, as they answer. */
export async function* findGateways(): AsyncGenerator<Gateway> {
  for (const [router, location] of await findLocations()) {
    const own = sharesNetwork(router)
    const gateway = await describe(location).catch(() => null)
    if (own !== null && gateway !== null) yield { router, own, ...gateway }
  }
}

/** Where routers of this network describe themselves, by their addresses. */
async function findLocations(): Promise<ReadonlyMap<string, URL>> {
  const found = new Map<string, URL>()
  const socket = createSocket('udp4')
  const done = Promise.withResolvers<void>()
  const timer = setTimeout(done.resolve, SEARCH_MS)
  socket.on('error', () => done.resolve())
  socket.on('message', (message, { address }) => {
    const location = locationIn(message.toString('latin1'), address)
    if (location === null || found.size === LOCATIONS_MAX) return
    found.set(address, location)
    // Others have as long as it took again.
    setTimeout(done.resolve, SEARCH_AGAIN_MS)
  })
  const ask = () => {
    for (const kind of KINDS) {
      socket.send(searchFor(kind), GROUP.port, GROUP.address, () => {})
    }
  }
  const again = setInterval(ask, SEARCH_AGAIN_MS)
  ask()
  await done.promise
  clearTimeout(timer)
  clearInterval(again)
  socket.close()
  return found
}

function searchFor(kind: string): string {
  const lines = [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${GROUP.address}:${GROUP.port}`,
    'MAN: "ssdp:discover"',
    `MX: ${MX}`,
    `ST: ${kind}`,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Where an answer says that its sender describes itself; null: it is none, or names another. */
export function locationIn(message: string, sender: string): URL | null {
  const [, text = ''] = /^location:[ \t]*(\S+)/im.exec(message) ?? []
  const isAnswer = /^HTTP\/1\.[01] 200 /.test(message) && message.includes('InternetGatewayDevice')
  if (!isAnswer || !URL.canParse(text)) return null
  const location = new URL(text)
  const isOwn = location.protocol === 'http:' && location.hostname === sender && isOfHome(sender)
  return isOwn ? location : null
}

async function describe(location: URL): Promise<Pick<Gateway, 'control' | 'service'> | null> {
  return serviceIn(await ask(location, {}), location)
}

/** The service that leads ports, of what a router says of itself; null: it has none. */
export function serviceIn(
  description: string,
  location: URL,
): Pick<Gateway, 'control' | 'service'> | null {
  for (const [, block = ''] of description.matchAll(/<service>([\s\S]*?)<\/service>/g)) {
    const service = tagOf(block, 'serviceType') ?? ''
    const path = tagOf(block, 'controlURL') ?? ''
    if (!/:WAN(IP|PPP)Connection:[12]$/.test(service) || !URL.canParse(path, location)) continue
    const control = new URL(path, location)
    if (control.host === location.host) return { control, service }
  }
  return null
}

/** What a router may answer to a mapping. */
export type UpnpAnswer = { status: 'mapped' } | { status: 'refused'; code: string }

/** The router cannot forget it by itself. */
const ONLY_PERMANENT = '725'

/** @param seconds how long it is asked for */
export async function addMapping(
  gateway: Gateway,
  port: { outside: number; inside: number },
  seconds: number,
): Promise<UpnpAnswer> {
  const add = (lease: number) =>
    call(gateway, 'AddPortMapping', [
      ['NewRemoteHost', ''],
      ['NewExternalPort', port.outside],
      ['NewProtocol', 'TCP'],
      ['NewInternalPort', port.inside],
      ['NewInternalClient', gateway.own],
      ['NewEnabled', 1],
      ['NewPortMappingDescription', 'barnraise'],
      ['NewLeaseDuration', lease],
    ])
  let answer = await add(seconds)
  if (tagOf(answer, 'errorCode') === ONLY_PERMANENT) answer = await add(0)
  const code = tagOf(answer, 'errorCode')
  return code === null ? { status: 'mapped' } : { status: 'refused', code }
}

/** The router's own address, as it says. */
export async function externalAddress(gateway: Gateway): Promise<string> {
  return tagOf(await call(gateway, 'GetExternalIPAddress', []), 'NewExternalIPAddress') ?? ''
}

export async function deleteMapping(gateway: Gateway, outside: number): Promise<void> {
  await call(gateway, 'DeletePortMapping', [
    ['NewRemoteHost', ''],
    ['NewExternalPort', outside],
    ['NewProtocol', 'TCP'],
  ])
}

/** What a router answers, also where it refuses. */
function call(
  { control, service }: Gateway,
  action: string,
  fields: readonly (readonly [name: string, value: string | number])[],
): Promise<string> {
  const given = fields.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service}">${given}</u:${action}></s:Body></s:Envelope>`
  const headers = {
    'Content-Type': 'text/xml; charset="utf-8"',
    SOAPAction: `"${service}#${action}"`,
  }
  return ask(control, { method: 'POST', headers, body })
}

/** @throws Error for what comes too late, or is too long */
async function ask(url: URL, init: RequestInit): Promise<string> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  try {
    const answer = await fetch(url, { ...init, signal, redirect: 'error' })
    const decoder = new TextDecoder()
    let text = ''
    for await (const piece of piecesOf(answer.body)) {
      text += decoder.decode(piece, { stream: true })
      if (text.length > ANSWER_BYTES_MAX) throw new Error('it says too much')
    }
    return text
  } catch (error) {
    throw asError(error)
  }
}

function tagOf(xml: string, name: string): string | null {
  return new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(xml)?.[1] ?? null
}
