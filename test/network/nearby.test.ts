/** Runs on one network, heard over a bus that stands in for multicast. */
import { expect, test } from 'vitest'
import { findNearby, runIn, tellNearby } from '../../node/network/nearby.ts'
import { Bus } from './bus.ts'

const organiserOf = (letter: string) => `12D3KooW${letter.repeat(44)}`
const SEA = {
  page: 'http://192.168.1.7:4001/',
  name: 'sea',
  base: 'embedded',
  organiser: organiserOf('s'),
}
const HILL = {
  page: 'http://192.168.1.8:4001/',
  name: 'hill',
  base: 'SmolLM2-135M',
  organiser: organiserOf('h'),
}

test('the runs of one network are found, each once', async () => {
  const bus = new Bus()
  tellNearby(SEA, bus.end())
  tellNearby(HILL, bus.end())
  expect(await findNearby(bus.end(), 20)).toEqual([SEA, HILL])
})

test('a question that got lost is asked again', async () => {
  const bus = new Bus()
  bus.lost = 1
  tellNearby(SEA, bus.end())
  expect(await findNearby(bus.end(), 1_500)).toEqual([SEA])
})

test('a run that is over says nothing, and who has asked hears no more', async () => {
  const bus = new Bus()
  const { stop } = tellNearby(SEA, bus.end())
  stop()
  expect(await findNearby(bus.end(), 20)).toEqual([])
  expect(bus.ends).toHaveLength(0)
})

test('of many that answer, few are remembered', async () => {
  const bus = new Bus()
  for (let i = 0; i < 40; i++) {
    const own = { page: `http://192.168.1.7:${5_000 + i}/`, organiser: `${SEA.organiser}${i}` }
    tellNearby({ ...SEA, ...own }, bus.end())
  }
  expect(await findNearby(bus.end(), 20)).toHaveLength(32)
})

for (const [data, run] of [
  [
    [`organiser=${SEA.organiser}`, 'page=http://192.168.1.7:4001/', 'name=sea', 'base=embedded'],
    SEA,
  ],
  [
    ['page=http://192.168.1.7:4001/#join=a', 'name=sea', 'base=embedded'],
    { ...SEA, organiser: '' },
  ],
  [
    ['page=https://a.example/x/'],
    { page: 'https://a.example/', name: '', base: '', organiser: '' },
  ],
  [['page=javascript:alert(1)'], null],
  [['page=http://'], null],
  [['page=file:///etc/passwd'], null],
  [[`page=http://${'a'.repeat(300)}.example/`], null],
  [['name=sea'], null],
  ['page=http://192.168.1.7:4001/', { ...SEA, name: '', base: '', organiser: '' }],
  [
    ['page=http://192.168.1.7:4001/', 'organiser=Ann'],
    { ...SEA, name: '', base: '', organiser: '' },
  ],
  [undefined, null],
] as const) {
  test(`a record of ${JSON.stringify(data)}`, () => expect(runIn(data)).toEqual(run))
}

test('names are cut', () =>
  expect(runIn([`page=${SEA.page}`, `name=${'a'.repeat(300)}`])!.name).toHaveLength(64))
