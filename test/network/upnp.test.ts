/** UPnP, against a stand-in of a router on loopback; test/nat asks a real one. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  addMapping,
  deleteMapping,
  externalAddress,
  type Gateway,
  locationIn,
  serviceIn,
} from '../../node/network/upnp.ts'

const ROUTER = '192.168.1.1'
const KIND = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'
const answer = (location: string) =>
  `HTTP/1.1 200 OK\r\nST: ${KIND}\r\nLOCATION: ${location}\r\n\r\n`

for (const [what, message, location] of [
  ['a router', answer(`http://${ROUTER}:5000/root.xml`), `http://${ROUTER}:5000/root.xml`],
  ['one that names another', answer('http://192.168.1.2:5000/root.xml'), null],
  ['one that names the world', answer('http://198.51.100.1/root.xml'), null],
  ['one that names a file', answer('file:///etc/passwd'), null],
  ['one without a location', `HTTP/1.1 200 OK\r\nST: ${KIND}\r\n\r\n`, null],
  ['another device', answer(`http://${ROUTER}/`).replace(KIND, 'urn:x'), null],
  ['a question', 'M-SEARCH * HTTP/1.1\r\n\r\n', null],
  ['nonsense', 'X * HTTP/1.1\r\n', null],
  ['nothing', '', null],
] as const) {
  test(`${what} answers a search`, () =>
    expect(locationIn(message, ROUTER)?.href ?? null).toBe(location))
}

test('one that answers from the world is no router of a home', () =>
  expect(locationIn(answer('http://198.51.100.1/root.xml'), '198.51.100.1')).toBe(null))

const LOCATION = new URL(`http://${ROUTER}:5000/root.xml`)
const service = (type: string, control: string) =>
  `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType>` +
  `<controlURL>${control}</controlURL></service>`

for (const [what, description, control] of [
  ['one', service('WANIPConnection:1', '/ctl/IPConn'), '/ctl/IPConn'],
  ['a newer one', service('WANIPConnection:2', '/ctl'), '/ctl'],
  ['one of a dialled line', service('WANPPPConnection:1', 'ppp'), '/ppp'],
  ['the second', service('Layer3:1', '/a') + service('WANIPConnection:1', '/b'), '/b'],
  ['none', service('Layer3Forwarding:1', '/a'), null],
  ['one that is elsewhere', service('WANIPConnection:1', 'http://198.51.100.1/ctl'), null],
  ['nonsense', '<service><service>', null],
] as const) {
  test(`a router with ${what}`, () =>
    expect(serviceIn(description, LOCATION)?.control.pathname ?? null).toBe(control))
}

/** A router that answers each action with what it is told. */
async function gateway(answers: (action: string, body: string) => string): Promise<Gateway> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (data) => {
      body += data
    })
    request.on('end', () => {
      const action = /#(\w+)/.exec(String(request.headers.soapaction))?.[1] ?? ''
      response.end(answers(action, body))
    })
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const control = new URL(`http://127.0.0.1:${port}/ctl`)
  return { router: '127.0.0.1', own: '192.168.1.7', control, service: 'urn:x:WANIPConnection:1' }
}

const fault = (code: number) => `<UPnPError><errorCode>${code}</errorCode></UPnPError>`

test('a port is mapped to this machine, and given back by its own number', async () => {
  const asked: string[] = []
  const router = await gateway((action, body) => {
    asked.push(`${action} ${/<NewExternalPort>(\d+)/.exec(body)?.[1] ?? ''}`)
    if (action === 'AddPortMapping') {
      expect(body).toContain('<NewInternalClient>192.168.1.7</NewInternalClient>')
      expect(body).toContain('<NewProtocol>TCP</NewProtocol>')
      expect(body).toContain('<NewInternalPort>4001</NewInternalPort>')
    }
    return '<NewExternalIPAddress> 11.0.0.5 </NewExternalIPAddress>'
  })
  expect(await addMapping(router, { outside: 4002, inside: 4001 }, 7_200)).toEqual({
    status: 'mapped',
  })
  expect(await externalAddress(router)).toBe('11.0.0.5')
  await deleteMapping(router, 4002)
  expect(asked).toEqual(['AddPortMapping 4002', 'GetExternalIPAddress ', 'DeletePortMapping 4002'])
})

test('one that forgets nothing by itself is asked so', async () => {
  const leases: string[] = []
  const router = await gateway((_, body) => {
    const [, lease = ''] = /<NewLeaseDuration>(\d+)/.exec(body) ?? []
    leases.push(lease)
    return lease === '0' ? '' : fault(725)
  })
  const added = await addMapping(router, { outside: 4001, inside: 4001 }, 7_200)
  expect(added).toEqual({ status: 'mapped' })
  expect(leases).toEqual(['7200', '0'])
})

test('a refusal has its number', async () => {
  const router = await gateway(() => fault(718))
  const added = await addMapping(router, { outside: 4001, inside: 4001 }, 7_200)
  expect(added).toEqual({ status: 'refused', code: '718' })
})

test('one that says nothing of its address has none', async () => {
  expect(await externalAddress(await gateway(() => '<NewExternalIPAddress/>'))).toBe('')
})

test('one that goes on and on is left', async () => {
  const router = await gateway(() => 'x'.repeat(100_000))
  await expect(externalAddress(router)).rejects.toThrow('it says too much')
})
