/** A tunnel's program: heard, asked about, started again and ended. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startTunnel, type Tunnel, type TunnelOptions } from '../../node/network/tunnel.ts'
import { sitesIn } from '../../node/network/tunnel-program.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const PORT = 4001

for (const [line, sites] of [
  [
    '|  https://two-words.trycloudflare.com                     |',
    ['https://two-words.trycloudflare.com/'],
  ],
  [
    'lvl=info msg="started tunnel" url=https://ab12.ngrok-free.app',
    ['https://ab12.ngrok-free.app/'],
  ],
  [
    'ab12.lhr.life tunneled with tls termination, https://ab12.lhr.life',
    ['https://ab12.lhr.life/'],
  ],
  ['https://host.tailnet.ts.net/', ['https://host.tailnet.ts.net/']],
  ['see https://developers.example.org/terms and https://a.example?b', []],
  ['forwarding to http://localhost:4001 and http://127.0.0.1:4001/', []],
  ['listening at http://127.0.0.1:4999/', ['http://127.0.0.1:4999/']],
  ['nothing here: http:// https://', []],
] as const) {
  test(`a program that says: ${line}`, () => expect(sitesIn(line, PORT)).toEqual(sites))
}

interface Heard {
  addresses: string[]
  lost: (string | null)[]
  asked: Set<string>
}

/** @param own the addresses that lead here */
function open(command: string, own: ReadonlySet<string>, options: Partial<TunnelOptions> = {}) {
  const heard: Heard = { addresses: [], lost: [], asked: new Set() }
  const tunnel: Tunnel = startTunnel({
    command,
    port: PORT,
    leadsHere: async (address) => {
      heard.asked.add(address)
      return own.has(address)
    },
    onAddress: (address) => heard.addresses.push(address),
    onLost: (reason) => heard.lost.push(reason),
    times: { firstMs: 60_000, seekMs: 10, lookMs: 10, restartMs: 10, restartMsMax: 10 },
    ...options,
  })
  onTestFinished(tunnel.stop)
  return { tunnel, heard }
}

const ONE = 'https://one.example/'
const TWO = 'https://two.example/'

test('of the sites that it names it is the one that leads here', async () => {
  const command = `echo 'read ${TWO}terms'; echo '| ${TWO} |' >&2; echo '| ${ONE} |'; sleep 600`
  const { tunnel, heard } = open(command, new Set([ONE]))
  expect(await tunnel.ready).toBe(ONE)
  expect(heard.addresses).toEqual([ONE])
  expect([...heard.asked].every((address) => [ONE, TWO].includes(address))).toBe(true)
})

test('one that ends without an address is told, with what it said', async () => {
  const { tunnel } = open("echo 'no such account' >&2; exit 3", new Set())
  await expect(tunnel.ready).rejects.toThrow(
    /^Cannot be reached .* named no address, and it ended with 3\..* said: no such account$/,
  )
})

test('one whose site leads elsewhere is told, and ended', async () => {
  const times = { firstMs: 100, seekMs: 10 }
  const { tunnel } = open(`echo ${TWO}; sleep 600`, new Set([ONE]), { times })
  await expect(tunnel.ready).rejects.toThrow(`nothing of ours came back from ${TWO} within`)
  await tunnel.stop()
})

test('one that ends later is started again, and may lead from elsewhere then', async () => {
  const folder = await temporaryFolder()
  const [seen, told] = [join(folder, 'seen'), join(folder, 'told')]
  const first = `touch ${seen}; echo ${ONE}; while [ ! -e ${told} ]; do sleep 0.05; done`
  const command = `if [ -e ${seen} ]; then echo ${TWO}; sleep 600; else ${first}; fi`
  const { tunnel, heard } = open(command, new Set([ONE, TWO]))
  await tunnel.ready
  await writeFile(told, '')
  await expect.poll(() => heard.addresses, { timeout: 60_000 }).toEqual([ONE, TWO])
  expect(heard.lost).toEqual(['its program ended with 0', null])
})

test('one that leads here no more is told once, and once when it does again', async () => {
  const own = new Set([ONE])
  const { tunnel, heard } = open(`echo ${ONE}; sleep 600`, own)
  await tunnel.ready
  own.clear()
  await expect.poll(() => heard.lost.length, { timeout: 60_000 }).toBe(1)
  own.add(ONE)
  await expect.poll(() => heard.lost.length, { timeout: 60_000 }).toBe(2)
  expect(heard.lost).toEqual(['nothing of ours comes back from it', null])
  expect(heard.addresses).toEqual([ONE])
})

test('it ends with all that it started', async () => {
  const { tunnel } = open(`sleep 600 & echo ${ONE}; wait`, new Set([ONE]))
  await tunnel.ready
  // Whatever is left of it would hold its output open.
  await tunnel.stop()
})
