/**
 * Frames: a length (u32, big-endian) and that many bytes. The decoder takes a byte stream in pieces
 * of any size and gives the frames back one at a time; it copies what it is given, so that a peer
 * that sends single bytes costs no more memory than one that sends them at once, and it never
 * allocates on the word of a header.
 */
import { ProtocolError } from './errors.ts'
import { FRAME_HEADER_BYTES } from './limits.ts'

export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  new DataView(header.buffer).setUint32(0, length)
  return header
}

export class FrameDecoder {
  #buffer = new Uint8Array(0)
  /** What is not yet read is buffer[start, end). */
  #start = 0
  #end = 0

  get bufferedBytes(): number {
    return this.#end - this.#start
  }

  /**
   * Bytes of the next frame with its header; 0 until the header is here. What it says is not
   * checked.
   */
  get nextBytes(): number {
    if (this.bufferedBytes < FRAME_HEADER_BYTES) return 0
    return FRAME_HEADER_BYTES + new DataView(this.#buffer.buffer).getUint32(this.#start)
  }

  push(piece: Uint8Array): void {
    if (this.#end + piece.length > this.#buffer.length) this.#makeRoom(piece.length)
    this.#buffer.set(piece, this.#end)
    this.#end += piece.length
  }

  /**
   * The next frame, or null until all of it has arrived.
   * @throws ProtocolError `too-large` as soon as a header promises more than `bytesMax`.
   */
  next(bytesMax: number): Uint8Array | null {
    if (this.nextBytes === 0) return null
    const length = this.nextBytes - FRAME_HEADER_BYTES
    if (length > bytesMax) {
      throw new ProtocolError(
        'too-large',
        `Cannot accept a frame as it must be at most ${bytesMax} bytes: current value is ${length}`,
      )
    }
    if (this.bufferedBytes < this.nextBytes) return null
    const from = this.#start + FRAME_HEADER_BYTES
    this.#start = from + length
    return this.#buffer.slice(from, this.#start)
  }

  /** @throws ProtocolError `truncated` when the stream ended inside a frame. */
  end(): void {
    if (this.bufferedBytes > 0) {
      throw new ProtocolError(
        'truncated',
        `Cannot accept a frame as the stream ended inside it, after ${this.bufferedBytes} bytes`,
      )
    }
  }

  /** Moves the unread bytes to the front, of a buffer twice as large when they need it. */
  #makeRoom(byteCount: number): void {
    const unread = this.#buffer.subarray(this.#start, this.#end)
    const needed = unread.length + byteCount
    if (needed > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.set(unread)
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end)
    }
    this.#end = unread.length
    this.#start = 0
  }
}
