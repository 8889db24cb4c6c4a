/** Zips of adapters: made once each, one at a time, for those who still want them. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { createAdapterZips } from '../../node/dashboard/adapter-zips.ts'
import { heard } from '../../node/heard.ts'
import { until } from '../network/hosts.ts'

const ZIP_BYTES = 100
const forever = new AbortController().signal

/** A maker that works when it is let, and tells which rounds it made. */
function slowMaker() {
  const made: number[] = []
  const gate = Promise.withResolvers<void>()
  const make = async (round: number) => {
    made.push(round)
    await gate.promise
    return round > 9 ? null : new Uint8Array(ZIP_BYTES).fill(round)
  }
  return { made, make, open: gate.resolve }
}

test('many who want the same zip, now or later, get the one that is made', async () => {
  const { made, make, open } = slowMaker()
  const zips = createAdapterZips(make)
  const asked = Array.from({ length: 50 }, () => zips.zipOf(3, forever))
  open()
  const expected = { status: 'ready', zip: new Uint8Array(ZIP_BYTES).fill(3) }
  for (const answer of await Promise.all(asked)) expect(answer).toEqual(expected)
  expect(await zips.zipOf(3, forever)).toEqual(expected)
  expect(made).toEqual([3])
})

test('a round that is not there yet is asked for again', async () => {
  const { made, make, open } = slowMaker()
  open()
  const zips = createAdapterZips(make)
  expect(await zips.zipOf(10, forever)).toEqual({ status: 'none' })
  expect(await zips.zipOf(10, forever)).toEqual({ status: 'none' })
  expect(made).toEqual([10, 10])
})

test('what everyone has given up is never begun, what one still wants is', async () => {
  const { made, make, open } = slowMaker()
  const zips = createAdapterZips(make)
  const first = zips.zipOf(1, forever)
  const controllers = [new AbortController(), new AbortController(), new AbortController()]
  const [gone, wanted] = [2, 3]
  const asked = controllers.map(({ signal }, i) => heard(zips.zipOf(i < 2 ? gone : wanted, signal)))
  const patient = zips.zipOf(wanted, forever)
  for (const controller of controllers) controller.abort(new Error('closed the tab'))
  for (const one of asked) await expect(one).rejects.toThrow('closed the tab')
  open()
  expect([await first, await patient]).toMatchObject([{ status: 'ready' }, { status: 'ready' }])
  expect(made).toEqual([1, wanted])
})

test('so many may wait; more are told to come back', async () => {
  const { make, open } = slowMaker()
  const zips = createAdapterZips(make, { waitingMax: 2, bytesMax: 1e6 })
  const asked = [1, 2, 3].map((round) => zips.zipOf(round, forever))
  expect(await zips.zipOf(4, forever)).toEqual({ status: 'busy' })
  open()
  for (const answer of await Promise.all(asked)) expect(answer.status).toBe('ready')
  expect((await zips.zipOf(4, forever)).status).toBe('ready')
})

test('what is kept is bounded: those asked for longest ago are made again', async () => {
  const { made, make, open } = slowMaker()
  open()
  const zips = createAdapterZips(make, { waitingMax: 8, bytesMax: 2 * ZIP_BYTES })
  for (const round of [1, 2, 1, 3, 1, 2]) await zips.zipOf(round, forever)
  expect(made).toEqual([1, 2, 3, 2])
})

test('hundreds of requests that are cut off leave no queue', async () => {
  const { made, make, open } = slowMaker()
  const zips = createAdapterZips(make, { waitingMax: 400, bytesMax: 1e6 })
  let answering = 0
  const app = new Hono()
  app.get('/:round', async (context) => {
    answering += 1
    try {
      return context.json(
        await zips.zipOf(Number(context.req.param('round')), context.req.raw.signal),
      )
    } finally {
      answering -= 1
    }
  })
  const server = createServer(getRequestListener(app.fetch))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const controller = new AbortController()
  const requests = Array.from({ length: 200 }, (_, i) =>
    fetch(`${address}${i % 9}`, { signal: controller.signal }).catch(() => null),
  )
  await until(() => answering === 200, 'all requests to wait')
  controller.abort()
  await Promise.all(requests)
  await until(() => answering === 0, 'all to be let go')
  open()
  // The one that was begun is finished; nothing stands before the next.
  expect(await (await fetch(`${address}5`)).json()).toMatchObject({ status: 'ready' })
  expect(made.length).toBeLessThanOrEqual(2)
})
