/**
 * Frames come back whole whatever pieces their bytes arrive in, and nothing is believed but bytes.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes } from '../../protocol/digest.ts'
import { FrameDecoder, frameHeader } from '../../protocol/framing.ts'

const encode = (frames: Uint8Array[]) =>
  concatBytes(...frames.flatMap((frame) => [frameHeader(frame.length), frame]))

/** Feeds the pieces one by one, reading all that can be read after each. */
function check(pieces: Uint8Array[], expected: Uint8Array[], bytesMax = 1_000): FrameDecoder {
  const decoder = new FrameDecoder()
  const frames: Uint8Array[] = []
  for (const piece of pieces) {
    decoder.push(piece)
    for (let frame = decoder.next(bytesMax); frame !== null; frame = decoder.next(bytesMax)) {
      frames.push(frame)
    }
  }
  expect(frames).toEqual(expected)
  return decoder
}

function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  )
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

test('a decoder that was given nothing holds nothing, and may end', () => {
  const decoder = new FrameDecoder()
  expect([decoder.bufferedBytes, decoder.nextBytes, decoder.next(10)]).toEqual([0, 0, null])
  decoder.end()
})

test('a header is the length, big-endian', () => {
  expect([...frameHeader(0x01020304)]).toEqual([1, 2, 3, 4])
})

test('any frames in any pieces come back whole and in order', () => {
  const frame = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat()), (frames, places) => {
      const decoder = check(cut(encode(frames), places), frames)
      expect(decoder.bufferedBytes).toBe(0)
      decoder.end()
    }),
  )
})

test('single bytes and everything at once give the same frames', () => {
  const frames = [new Uint8Array(0), Uint8Array.of(7), new Uint8Array(999).fill(3)]
  const bytes = encode(frames)
  check([bytes], frames)
  check(
    [...bytes].map((byte) => Uint8Array.of(byte)),
    frames,
  )
})

test('a frame is a copy: later bytes do not change it', () => {
  const decoder = new FrameDecoder()
  decoder.push(encode([Uint8Array.of(1, 2, 3)]))
  const frame = decoder.next(10)
  decoder.push(encode([Uint8Array.of(9, 9, 9)]))
  decoder.next(10)
  expect(frame).toEqual(Uint8Array.of(1, 2, 3))
})

describe('a frame that is too large is refused by its header alone', () => {
  for (const [length, bytesMax, fits] of [
    [0, 0, true],
    [1, 0, false],
    [65_536, 65_536, true],
    [65_537, 65_536, false],
    [0xffffffff, 2 ** 20, false],
  ] as const) {
    test(`${length} bytes where ${bytesMax} are allowed: ${fits ? 'waits' : 'refused'}`, () => {
      const decoder = new FrameDecoder()
      decoder.push(frameHeader(length))
      const next = () => decoder.next(bytesMax)
      if (fits) expect(next()).toEqual(length === 0 ? new Uint8Array(0) : null)
      else expect(next).toThrow(expect.objectContaining({ code: 'too-large' }))
      expect(decoder.bufferedBytes).toBeLessThanOrEqual(4)
    })
  }
})

describe('an end inside a frame is truncation', () => {
  const bytes = encode([Uint8Array.of(1, 2, 3)])
  for (let kept = 0; kept <= bytes.length; kept++) {
    test(`after ${kept} of ${bytes.length} bytes`, () => {
      const decoder = new FrameDecoder()
      decoder.push(bytes.subarray(0, kept))
      decoder.next(10)
      if (kept === 0 || kept === bytes.length) decoder.end()
      else expect(() => decoder.end()).toThrow(expect.objectContaining({ code: 'truncated' }))
    })
  }
})

test('the cap may differ from frame to frame', () => {
  const decoder = new FrameDecoder()
  decoder.push(encode([new Uint8Array(5), new Uint8Array(5)]))
  expect(decoder.next(5)).toHaveLength(5)
  expect(() => decoder.next(4)).toThrow('must be at most 4 bytes: current value is 5')
})
