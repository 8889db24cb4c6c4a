/** Frames over a real yamux stream: caps, deadlines, ends, and composition. */
import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { describe, expect, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { Frames, type FramesOptions, openFrames } from '../../node/network/frames.ts'
import { concatBytes } from '../../protocol/digest.ts'
import { frameHeader } from '../../protocol/framing.ts'
import { testPair, testStreams, until } from './hosts.ts'

async function streams(): Promise<[Stream, Stream]> {
  return testStreams(await testPair('memory'))
}

const frame = (byte: number, length = 3) => new Uint8Array(length).fill(byte)

describe('what is read after these bytes and this end', () => {
  const whole = concatBytes(frameHeader(3), frame(1))
  for (const [name, bytes, end, expected] of [
    ['nothing, FIN', [], 'fin', 'end'],
    ['a frame, FIN', whole, 'fin', 'frame, end'],
    ['an empty frame, FIN', frameHeader(0), 'fin', 'frame, end'],
    ['two frames, FIN', concatBytes(whole, whole), 'fin', 'frame, frame, end'],
    ['half a header, FIN', frameHeader(3).subarray(0, 2), 'fin', 'truncated'],
    ['a header, FIN', frameHeader(3), 'fin', 'truncated'],
    [
      'a frame and half a frame, FIN',
      concatBytes(whole, whole.subarray(0, 5)),
      'fin',
      'frame, truncated',
    ],
    ['nothing, reset', [], 'reset', 'lost'],
    ['half a frame, reset', whole.subarray(0, 5), 'reset', 'lost'],
    ['nothing, connection gone', [], 'gone', 'lost'],
    ['half a frame, connection gone', whole.subarray(0, 5), 'gone', 'lost'],
    ['a header of 101 bytes where 100 are allowed', frameHeader(101), 'none', 'too-large'],
    ['a header of 4 GiB', frameHeader(0xffffffff), 'none', 'too-large'],
    ['nothing, silence', [], 'none', 'silent'],
    ['a frame, silence', whole, 'none', 'frame, silent'],
    ['half a frame, silence', whole.subarray(0, 5), 'none', 'silent'],
  ] as const) {
    test(`${name}: ${expected}`, async () => {
      const pair = await testPair('memory')
      const [opened, handled] = await testStreams(pair)
      const frames = new Frames(handled, { frameBytesMax: 100, idleTimeoutMs: 100 })
      opened.send(Uint8Array.from(bytes))
      if (end === 'fin') await opened.close()
      if (end === 'reset') opened.abort(new Error('reset by the test'))
      if (end === 'gone') pair.connection.abort(new Error('cut by the test'))
      expect(await readAll(frames)).toBe(expected)
      if (!expected.endsWith('end'))
        expect(['aborted', 'reset', 'closed']).toContain(handled.status)
    })
  }
})

/** Reads to the end, in words. */
async function readAll(frames: Frames): Promise<string> {
  const heard: string[] = []
  try {
    for await (const _ of frames.source()) heard.push('frame')
    heard.push('end')
  } catch (error) {
    heard.push((error as { code: string }).code)
  }
  return heard.join(', ')
}

test('frames arrive whole, in order and at once in both directions', async () => {
  const [a, b] = (await streams()).map((stream) => new Frames(stream)) as [Frames, Frames]
  const sent = Array.from({ length: 100 }, (_, index) => frame(index, index * 37))
  const talk = async (mine: Frames) => {
    const heard: Uint8Array[] = []
    const speak = async () => {
      for (const one of sent) await mine.write(one)
      await mine.close()
    }
    const listen = async () => {
      for await (const one of mine.source()) heard.push(one)
    }
    await Promise.all([speak(), listen()])
    return heard
  }
  expect(await Promise.all([talk(a), talk(b)])).toEqual([sent, sent])
})

test('source and sink compose with transforms through it-pipe', async () => {
  const [opened, handled] = await streams()
  const [client, server] = [new Frames(opened), new Frames(handled)]
  const echo = pipe(
    server.source(),
    async function* (frames: AsyncIterable<Uint8Array>) {
      for await (const one of frames) yield one.map((byte) => byte + 1)
    },
    (frames: AsyncIterable<Uint8Array>) => server.sink(frames),
  ).then(() => server.close())
  for (const byte of [1, 2, 3]) await client.write(frame(byte))
  await client.close()
  const heard: number[] = []
  for await (const one of client.source()) heard.push(one[0] ?? -1)
  await echo
  expect(heard).toEqual([2, 3, 4])
})

describe('a caller that gives up', () => {
  const check = async (
    options: (signal: AbortSignal) => FramesOptions,
    work: (frames: Frames) => Promise<unknown>,
  ) => {
    const [opened, handled] = await streams()
    const other = new Frames(handled, { frameBytesMax: 2 ** 20 })
    const controller = new AbortController()
    const frames = new Frames(opened, options(controller.signal))
    const waiting = expect(work(frames)).rejects.toThrow('given up')
    controller.abort(new Error('given up'))
    await waiting
    expect(frames.closed.aborted).toBe(true)
    const readOn = async () => {
      for await (const _ of other.source());
    }
    await expect(readOn()).rejects.toMatchObject({ code: 'lost' })
  }
  test('while reading', () =>
    check(
      (signal) => ({ signal }),
      (frames) => frames.read(),
    ))
  test('before reading', () =>
    check(
      () => ({ signal: AbortSignal.abort(new Error('given up')) }),
      (frames) => frames.read(),
    ))
  test('while writing', () =>
    check(
      (signal) => ({ signal }),
      async (frames) => {
        for (;;) await frames.write(frame(0, 100_000))
      },
    ))
})

test('a peer that reads nothing ends a write, and the sender holds little', async () => {
  const [opened, handled] = await streams()
  handled.addEventListener('message', () => {})
  handled.pause()
  const frames = new Frames(opened, { idleTimeoutMs: 200 })
  let written = 0
  const flood = async () => {
    for (;;) {
      await frames.write(frame(0, 100_000))
      written += 100_000
    }
  }
  await expect(flood()).rejects.toMatchObject({ code: 'silent' })
  expect(written).toBeLessThan(2 ** 21)
})

test('a write ends at once when the connection breaks after the peer sent its FIN', async () => {
  const pair = await testPair('memory')
  const [opened, handled] = await testStreams(pair)
  await opened.close()
  handled.addEventListener('message', () => {})
  opened.addEventListener('message', () => {})
  opened.pause()
  await until(() => handled.remoteWriteStatus === 'closed', 'the FIN to arrive')
  const frames = new Frames(handled)
  const flood = async () => {
    for (;;) await frames.write(frame(0, 100_000))
  }
  const flooding = expect(flood()).rejects.toMatchObject({ code: 'lost' })
  await until(() => handled.writableNeedsDrain, 'the write to wait')
  pair.connection.abort(new Error('cut by the test'))
  await flooding
})

test('two reads at a time are our own bug', async () => {
  const [opened] = await streams()
  const frames = new Frames(opened, { idleTimeoutMs: 50 })
  const first = heard(frames.read())
  await expect(frames.read()).rejects.toThrow('one read at a time')
  await expect(first).rejects.toMatchObject({ code: 'silent' })
})

test('opening a stream of a protocol that nobody serves is an error, soon', async () => {
  const { connection } = await testPair('memory')
  await expect(openFrames(connection, '/nobody/serves')).rejects.toMatchObject({ code: 'lost' })
})

test('a large frame that outlives the stream is still read', async () => {
  const [opened, handled] = await streams()
  const [client, server] = [new Frames(opened, { frameBytesMax: 2 ** 22 }), new Frames(handled)]
  await client.close()
  const sent = frame(7, 3 * 2 ** 20)
  const writing = server.write(sent).then(() => server.close())
  await until(() => client.bufferedBytes >= 2 ** 20, 'the client to have paused')
  const heard = await client.read()
  await writing
  expect(heard?.length).toBe(sent.length)
  expect(await client.read()).toBe(null)
})
