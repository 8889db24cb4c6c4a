/** The addresses under which a host is announced, by what its router and its relay say. */
import { expect, test, vi } from 'vitest'
import { openWays } from '../../node/cli/host-ways.ts'
import { type DialBackAnswer, LEADS_ELSEWHERE } from '../../node/network/dial-back.ts'
import { NetworkError } from '../../node/network/errors.ts'
import type { MappingResult } from '../../node/network/port-mapping.ts'
import type { Lead } from '../../node/roles/ways.ts'

const RUN = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const LINK = `barnraise:/ip4/127.0.0.1/tcp/4002/p2p/${RUN}#0123456789abcdef`
const MAPPED = '/ip4/198.51.100.5/tcp/4100/ws'

function router() {
  const remove = vi.fn(async () => {})
  const mapping = { by: 'UPnP', address: '198.51.100.5', port: 4100, remove } as const
  return { remove, mapped: { status: 'mapped', mapping } as const }
}

const UNMAPPED = { status: 'unmapped', reason: 'it is deaf' } as const
const REACHED = { type: 'reached', address: '198.51.100.5' } as const
const MISSED = { type: 'missed', address: '198.51.100.5', reason: 'no answer in time' } as const

interface Case {
  mapping?: MappingResult
  /** Null: it has no relay. */
  relay?: DialBackAnswer | null
  isPublic?: boolean
  mapPort?: boolean
  announce?: string[]
}

async function opened({ mapping = UNMAPPED, relay = null, isPublic = true, ...more }: Case) {
  const announced: string[][] = []
  const shut: boolean[] = []
  const told: object[] = []
  const asked: number[] = []
  const ask = vi.fn(async () => mapping)
  const role = {
    coordinator: '12D3KooWhost',
    leadBy: ({ others, isShut }: Lead) => {
      announced.push([...others])
      shut.push(isShut)
      return { link: LINK, pageAddresses: [] }
    },
    askRelay: async (port: number) => {
      asked.push(port)
      return relay
    },
  }
  const listener = { announce: async () => {}, tell: (fact: object) => told.push(fact) }
  const ways = openWays(role, { port: 4001, public: isPublic, ...more }, listener, ask)
  await ways.ready
  return { ways, announced, shut, told, asked, ask }
}

for (const [what, given, others] of [
  ['no router and no relay', {}, []],
  ["a router's port", { mapping: router().mapped }, [MAPPED]],
  ["a router's port that is reached", { mapping: router().mapped, relay: REACHED }, [MAPPED]],
  ["a router's port that is not reached", { mapping: router().mapped, relay: MISSED }, []],
  [
    "a router's port of which nobody knows",
    { mapping: router().mapped, relay: { type: 'unseen' } },
    [MAPPED],
  ],
  ['a router that was told by hand', { relay: REACHED }, ['/ip4/198.51.100.5/tcp/4001/ws']],
  ['a router that lets nobody in', { relay: MISSED }, []],
] as [string, Case, string[]][]) {
  test(`${what}: ${others.length === 0 ? 'no address more' : others}`, async () => {
    const { announced } = await opened(given)
    expect(announced).toEqual([others])
  })
}

for (const [what, given, isShut] of [
  ['no relay is asked', {}, false],
  ['a relay comes back', { relay: REACHED }, false],
  ['a relay cannot tell', { relay: { type: 'unseen' } }, false],
  ['a relay does not come back', { relay: MISSED }, true],
  ['it does not, and what is announced is believed', { relay: MISSED, announce: ['x'] }, false],
] as [string, Case, boolean][]) {
  test(`${what}: its own addresses are ${isShut ? 'shut' : 'as they were'}`, async () =>
    expect((await opened(given)).shut).toEqual([isShut]))
}

test('a relay is asked about the port that the router gave', async () => {
  expect((await opened({ mapping: router().mapped })).asked).toEqual([4100])
  expect((await opened({})).asked).toEqual([4001])
})

test('the port is given back', async () => {
  const { remove, mapped } = router()
  const { ways } = await opened({ mapping: mapped })
  expect(remove).not.toHaveBeenCalled()
  await ways.stop()
  expect(remove).toHaveBeenCalledOnce()
})

for (const [what, given] of [
  ['without --public', { isPublic: false }],
  ['with --no-map-port', { mapPort: false }],
] as const) {
  test(`${what} no router is asked`, async () =>
    expect((await opened(given)).ask).not.toHaveBeenCalled())
}

test('what was found is told', async () => {
  const { told } = await opened({ mapping: router().mapped, relay: MISSED })
  expect(told).toMatchObject([
    { type: 'mapping', port: 4001 },
    { type: 'mapped', address: '198.51.100.5', port: 4100, by: 'UPnP' },
    { type: 'reach', reached: false },
  ])
  expect((await opened({})).told.at(-1)).toEqual({ type: 'unmapped', reason: 'it is deaf' })
})

test('that the mapped port leads to another machine is told, and what to do', async () => {
  const relay = { ...MISSED, reason: LEADS_ELSEWHERE }
  const { announced, told } = await opened({ mapping: router().mapped, relay })
  expect(announced).toEqual([[]])
  expect(told.at(-1)).toMatchObject({
    type: 'reach',
    reached: false,
    advice: expect.stringContaining('the router leads that port to another machine'),
  })
})

test('a relay that does not answer such questions takes nothing away', async () => {
  const told: object[] = []
  const leadBy = vi.fn(() => ({ link: LINK, pageAddresses: [] }))
  const askRelay = () => Promise.reject(new NetworkError('lost', 'it is old'))
  const ways = openWays(
    { coordinator: '12D3KooWhost', leadBy, askRelay },
    { port: 4001, public: true },
    { announce: async () => {}, tell: (fact) => told.push(fact) },
    async () => router().mapped,
  )
  await ways.ready
  expect(leadBy).toHaveBeenCalledWith({ others: [MAPPED], isShut: false })
  expect(told.at(-1)).toMatchObject({ type: 'reach', reached: null, found: 'it is old' })
})

const throughRelay = (page: string) => ({
  link: LINK,
  pageAddresses: ['http://127.0.0.1:4001/', page],
})

test('a page that is lost with its relay is announced again, through another, once', async () => {
  const announced: string[] = []
  const told: string[] = []
  const ways = openWays(
    {
      coordinator: RUN,
      leadBy: () => throughRelay('https://one.example/#at=x'),
      askRelay: async () => null,
    },
    { port: 4001 },
    {
      announce: async ({ pageAddresses }) => void announced.push(pageAddresses.at(-1)!),
      tell: (_fact, line) => told.push(line),
    },
  )
  ways.moved(throughRelay('https://early.example/#at=x'))
  await ways.ready
  ways.moved(throughRelay('https://one.example/#at=x'))
  ways.moved(throughRelay('https://two.example/#at=x'))
  ways.moved(throughRelay('https://two.example/#at=x'))
  expect(announced).toEqual(['https://one.example/#at=x', 'https://two.example/#at=x'])
  expect(told).toEqual(['The page is reached through another relay from now on'])
})
