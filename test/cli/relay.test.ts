/** `barnraise relay` as a process: what it prints, and that its address stays. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram } from '../../node/cli/program.ts'
import { readyLines } from '../../node/cli/relay.ts'
import { relayAddress } from '../../node/network/relay-places.ts'
import { start } from '../roles/processes.ts'
import { temporaryFolder } from '../roles/swarm.ts'

type Fact = { type: 'ready'; addresses: string[] } | { type: 'status'; relayed: number }

test('it says what hosts give to --relay, one peer each time, and ends by Ctrl-C', async () => {
  const folder = await temporaryFolder()
  const peers = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const args = ['relay', '--port', '0', '--identity', join(folder, 'relay.key')]
    const { child, seen } = start<Fact>(args)
    const { addresses } = await seen('ready')
    for (const address of addresses) {
      expect(relayAddress(address)).toBe(address)
      peers.add(address.split('/p2p/')[1]!)
    }
    expect((await seen('status')).relayed).toBe(0)
    child.kill('SIGINT')
    expect(await child.exited, child.complaints()).toBe(0)
  }
  expect(peers.size).toBe(1)
})

test('with --no-public it listens on this machine alone', async () => {
  const identity = join(await temporaryFolder(), 'relay.key')
  const { seen } = start<Fact>(['relay', '--no-public', '--port', '0', '--identity', identity])
  const { addresses } = await seen('ready')
  const places = addresses.map((address) => address.replace(/\/tcp\/\d+(.*)\/p2p\/\w+$/, '$1'))
  expect(places.sort()).toEqual(['/ip4/127.0.0.1', '/ip4/127.0.0.1/ws'])
})

for (const [place, isSaid] of [
  ['/ip4/127.0.0.1', true],
  ['/ip6/::1', true],
  ['/ip4/192.0.2.7', false],
  ['/dns4/relay.example.org', false],
] as const) {
  test(`${place} ${isSaid ? 'is' : 'is not'} told to be for this machine only`, () => {
    const text = readyLines([`${place}/tcp/1/ws/p2p/x`, `${place}/tcp/2/p2p/x`]).join('\n')
    expect(text).toContain(`host run.yaml --relay ${place}/tcp/2/p2p/x ${place}/tcp/1/ws/p2p/x\n`)
    expect(text.includes('work on this machine only')).toBe(isSaid)
  })
}

for (const [what, addresses, given, others] of [
  [
    'what is of one place, the way for processes first',
    [
      '/ip4/127.0.0.1/tcp/1/ws/p2p/x',
      '/ip4/127.0.0.1/tcp/2/p2p/x',
      '/ip4/10.0.0.7/tcp/1/ws/p2p/x',
      '/ip4/10.0.0.7/tcp/2/p2p/x',
      '/ip4/192.0.2.7/tcp/1/ws/p2p/x',
      '/ip4/192.0.2.7/tcp/2/p2p/x',
    ],
    '/ip4/192.0.2.7/tcp/2/p2p/x /ip4/192.0.2.7/tcp/1/ws/p2p/x',
    [
      '  /ip4/10.0.0.7/tcp/1/ws/p2p/x',
      '  /ip4/10.0.0.7/tcp/2/p2p/x',
      '  /ip4/127.0.0.1/tcp/1/ws/p2p/x',
      '  /ip4/127.0.0.1/tcp/2/p2p/x',
    ],
  ],
  [
    'the only one',
    ['/dns/relay.example.org/tcp/443/tls/ws/p2p/x'],
    '/dns/relay.example.org/tcp/443/tls/ws/p2p/x',
    [],
  ],
] as const) {
  test(`it prints one command with ${what}`, () => {
    const lines = readyLines(addresses)
    expect(lines.filter((line) => line.includes('host run.yaml'))).toEqual([
      expect.stringMatching(new RegExp(` --relay ${given}$`)),
    ])
    expect(lines.filter((line) => line.startsWith('  /'))).toEqual(others)
  })
}

test('docs/hosting.md says how many it takes', async () => {
  const relay = createProgram([]).commands.find((command) => command.name() === 'relay')!
  const most = ['hosts', 'perHost', 'perAddress', 'relayed'].map((name) =>
    Number(relay.opts()[name]).toLocaleString('en'),
  )
  const [hosts, perHost, perAddress, relayed] = most
  const prose = (await readFile('docs/hosting.md', 'utf8')).replace(/\s+/g, ' ')
  expect(prose).toContain(
    `\`relay\` takes ${hosts} hosts, ${perHost} volunteers of one host, ${perAddress} of one ` +
      `address and ${relayed} in all`,
  )
})

for (const wrong of ['relay.example.org', '/ip4/10.0.0.1/tcp/4001', '/p2p-circuit', '']) {
  test(`no relay: '${wrong}'`, () =>
    expect(() => relayAddress(wrong)).toThrow("'--relay' must be what `barnraise relay` prints"))
}
