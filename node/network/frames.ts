/**
 * Frames over one libp2p stream, with what the stream does not give: a cap on every frame,
 * back-pressure in both directions, a deadline on every read and write, and an end that is told
 * apart from a broken link.
 *
 * libp2p 3 streams are event targets, and most of their conveniences lose data silently: `for
 * await` hangs when the peer's FIN came first and ends normally when the connection dies,
 * `onDrain()` works once, and nothing pauses a fast sender. So the only things used here are
 * `send`, `pause`, `resume`, `close`, `abort` and the events. Construct it before any `await` in a
 * handler: events that fired before are gone.
 */

import type { Connection, Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import {
  assert,
  FrameDecoder,
  frameHeader,
  MESSAGE_BYTES_MAX,
  ProtocolError,
  STREAM_IDLE_TIMEOUT_MS,
} from '../../protocol/index.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { BUFFERED_BYTES_HIGH, BUFFERED_BYTES_LOW } from './limits.ts'

export interface FramesOptions {
  /** Largest frame that is accepted. @default MESSAGE_BYTES_MAX */
  frameBytesMax?: number
  /** Longest wait for one whole frame, or for room to write one. @default STREAM_IDLE_TIMEOUT_MS */
  idleTimeoutMs?: number
  /** Resets the stream. */
  signal?: AbortSignal | undefined
}

export interface ReadOptions {
  frameBytesMax?: number
  /** Infinity: wait as long as the stream lives. */
  timeoutMs?: number
}

/** Opens a stream and puts frames on it. @throws NetworkError `lost` or `timeout` */
export async function openFrames(
  connection: Connection,
  protocol: string,
  options: FramesOptions = {},
): Promise<Frames> {
  const { signal, idleTimeoutMs = STREAM_IDLE_TIMEOUT_MS } = options
  return withDeadline(idleTimeoutMs, signal, async (deadline) => {
    try {
      return new Frames(await connection.newStream(protocol, { signal: deadline }), options)
    } catch (error) {
      deadline.throwIfAborted()
      throw new NetworkError('lost', `Cannot open ${protocol}: ${asError(error).message}`, {
        cause: error,
      })
    }
  })
}

export class Frames {
  readonly #stream: Stream
  readonly #frameBytesMax: number
  readonly #idleTimeoutMs: number
  readonly #decoder = new FrameDecoder()
  readonly #closed = new AbortController()
  #finished: boolean
  #failure: Error | null = null
  #resuming = false
  /** Pauses from here on: more than the usual while a larger frame is waited for. */
  #bufferedBytesHigh = BUFFERED_BYTES_HIGH
  #reader: PromiseWithResolvers<void> | null = null
  #writer: PromiseWithResolvers<void> | null = null

  constructor(stream: Stream, options: FramesOptions = {}) {
    this.#stream = stream
    this.#frameBytesMax = options.frameBytesMax ?? MESSAGE_BYTES_MAX
    this.#idleTimeoutMs = options.idleTimeoutMs ?? STREAM_IDLE_TIMEOUT_MS
    // The FIN may have come before us, and its event fires once. A stream that is closed altogether
    // says nothing about how it ended, so it counts as lost.
    this.#finished = stream.status === 'open' && stream.remoteWriteStatus === 'closed'
    this.#listen(options.signal)
  }

  /** Aborted when the stream is closed in both directions, for whatever reason. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Bytes that arrived and were not read yet, here and in libp2p. */
  get bufferedBytes(): number {
    return this.#decoder.bufferedBytes + this.#stream.readBufferLength
  }

  /**
   * The next frame; null when the peer ended the stream between frames.
   * @throws ProtocolError `too-large`, `truncated` or `silent`; NetworkError `lost`. The stream is
   * reset then.
   */
  async read(options: ReadOptions = {}): Promise<Uint8Array | null> {
    const { frameBytesMax = this.#frameBytesMax, timeoutMs = this.#idleTimeoutMs } = options
    assert(this.#reader === null, 'one read at a time')
    const timer = this.#silenceTimer(timeoutMs, 'sent no whole frame')
    try {
      for (;;) {
        const frame = this.#decoder.next(frameBytesMax)
        if (frame !== null) {
          if (this.#decoder.bufferedBytes <= BUFFERED_BYTES_LOW) this.#resume()
          return frame
        }
        this.#bufferedBytesHigh = Math.max(BUFFERED_BYTES_HIGH, this.#decoder.nextBytes)
        if (!(await this.#moreArrived())) {
          this.#decoder.end()
          return null
        }
      }
    } catch (error) {
      throw this.abort(asError(error))
    } finally {
      this.#bufferedBytesHigh = BUFFERED_BYTES_HIGH
      clearTimeout(timer)
    }
  }

  /** Resolves when libp2p has room for the next frame. The bytes must not change afterwards. */
  async write(frame: Uint8Array, options: { timeoutMs?: number } = {}): Promise<void> {
    assert(this.#writer === null, 'one write at a time')
    const timer = this.#silenceTimer(options.timeoutMs ?? this.#idleTimeoutMs, 'read nothing')
    try {
      this.#throwIfClosed()
      this.#send(frame)
      while (this.#stream.writableNeedsDrain) {
        this.#writer = Promise.withResolvers()
        await this.#writer.promise
        this.#throwIfClosed()
      }
    } catch (error) {
      throw this.abort(asError(error))
    } finally {
      this.#writer = null
      clearTimeout(timer)
    }
  }

  /** Ends our direction once everything is sent; reading goes on until the peer ends its own. */
  async close(): Promise<void> {
    const timer = this.#silenceTimer(this.#idleTimeoutMs, 'read nothing')
    try {
      await this.#stream.close()
    } catch (error) {
      const failure = error instanceof Error ? error : new NetworkError('lost', 'The stream broke')
      throw this.abort(failure)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resets the stream. Returns the failure that came first, for the caller to throw. */
  abort(error: Error): Error {
    this.#failure ??= error
    this.#stream.abort(error)
    return this.#failure
  }

  /** The frames until the peer ends the stream: the start of a pipeline. */
  async *source(options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    for (;;) {
      const frame = await this.read(options)
      if (frame === null) return
      yield frame
    }
  }

  /** Writes every frame: the end of a pipeline. The stream stays open. */
  async sink(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const frame of source) await this.write(frame)
  }

  #listen(signal: AbortSignal | undefined): void {
    const stream = this.#stream
    const cancel = () => void this.abort(asError(signal?.reason))
    if (stream.status !== 'open') {
      // It broke while it was opened; no event will tell.
      this.#failure = lost()
      this.#closed.abort(this.#failure)
      return
    }
    stream.addEventListener('message', (event) => {
      const pieces = event.data instanceof Uint8Array ? [event.data] : event.data
      for (const piece of pieces) this.#decoder.push(piece)
      this.#pauseIfFull()
      this.#reader?.resolve()
    })
    stream.addEventListener('remoteCloseWrite', () => {
      this.#finished = true
      this.#reader?.resolve()
    })
    stream.addEventListener('drain', () => this.#writer?.resolve())
    stream.addEventListener('close', (event) => {
      signal?.removeEventListener('abort', cancel)
      if (event.error !== undefined) this.#failure ??= lost(event.error)
      this.#closed.abort(this.#failure ?? lost())
      this.#reader?.resolve()
      this.#writer?.resolve()
    })
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
  }

  #send(frame: Uint8Array): void {
    try {
      this.#stream.send(new Uint8ArrayList(frameHeader(frame.length), frame))
    } catch (error) {
      throw lost(asError(error))
    }
  }

  /** Waits for bytes; false when none will come any more, because the peer said so. */
  async #moreArrived(): Promise<boolean> {
    const before = this.#decoder.bufferedBytes
    this.#resume()
    if (this.#decoder.bufferedBytes > before) return true
    if (this.#failure !== null) throw this.#failure
    if (this.#finished && this.#stream.readBufferLength === 0) return false
    this.#throwIfClosed()
    this.#reader = Promise.withResolvers()
    try {
      await this.#reader.promise
    } finally {
      this.#reader = null
    }
    return true
  }

  #pauseIfFull(): void {
    const isFull = this.#decoder.bufferedBytes >= this.#bufferedBytesHigh
    if (isFull && !this.#resuming && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /**
   * libp2p hands over what waited before it tells yamux to go on, so that a `pause` made by the
   * listener meanwhile is lost, and the stream is reset when its buffer overflows. The next message
   * pauses it instead.
   */
  #resume(): void {
    if (this.#stream.readStatus !== 'paused') return
    this.#resuming = true
    try {
      this.#stream.resume()
    } finally {
      this.#resuming = false
    }
  }

  #silenceTimer(timeoutMs: number, what: string): ReturnType<typeof setTimeout> | undefined {
    if (timeoutMs === Number.POSITIVE_INFINITY) return undefined
    const expire = () =>
      void this.abort(new ProtocolError('silent', `The peer ${what} for ${timeoutMs} ms`))
    return setTimeout(expire, timeoutMs)
  }

  #throwIfClosed(): void {
    if (this.#failure !== null) throw this.#failure
    if (this.closed.aborted) throw lost()
  }
}

function lost(cause?: Error): NetworkError {
  const why = cause === undefined ? '' : `: ${cause.message}`
  return new NetworkError('lost', `The connection broke${why}`, { cause })
}
