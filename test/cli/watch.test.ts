/** Watching from a terminal: the stream is followed to what the coordinator knows, and resumed. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { sparkline } from '../../node/cli/watch.ts'
import { followRun, nothingSeen } from '../../node/dashboard/events.ts'
import { createPages } from '../../node/dashboard/server.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { playTranscript } from '../dashboard/transcript-events.ts'

const { model } = playTranscript('coordinator-merge.txt')

async function serve(answer: Parameters<typeof createServer>[1] & object): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function next(page: string, seen: ReturnType<typeof nothingSeen>) {
  const stop = new AbortController()
  const stream = followRun(page, seen, stop.signal)
  const { value } = await stream.next()
  stop.abort()
  await stream.return(undefined).catch(() => {})
  return value!.changes
}

test('the first event holds all there is; whoever comes back gets what is new', async () => {
  const invitation = { run: 'run', coordinator: 'x', link: null }
  const doors = { invitation, admin: 'admin', folder: runFolder('none') }
  const { answer, close } = createPages({ ...doors, model })
  onTestFinished(close)
  const page = await serve(answer)
  const seen = nothingSeen()
  expect(await next(page, seen)).toMatchObject({ reset: true, seq: model.run.seq })
  expect([...seen.tables.peers.keys()]).toEqual(
    model.changesFrom(null).peers.map(({ peer }) => peer),
  )
  expect(await next(page, seen)).toMatchObject({ reset: false })
})

test('what shows no run is said to', async () => {
  const page = await serve((_request, response) => response.end('<p>hello'))
  await expect(next(page, nothingSeen())).rejects.toThrow('shows no run (200')
})

test('a curve as bars', () => {
  expect(sparkline([3, 2, 1])).toBe('█▅▁')
  expect(sparkline([2, 2])).toBe('▁▁')
})
