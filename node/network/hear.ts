/** What a peer says on a stream: one frame, of which something is expected. */
import { decode, ProtocolError, parse, type Schema } from '../../protocol/index.ts'
import type { Frames, ReadOptions } from './frames.ts'

/** The next message. @throws ProtocolError `truncated` when the peer ended the stream instead */
export async function hear<T>(
  frames: Frames,
  schema: Schema<T>,
  name: string,
  options: ReadOptions = {},
): Promise<T> {
  return parse(schema, decode(await hearFrame(frames, name, options)), name)
}

/** The next frame. @throws ProtocolError `truncated` when the peer ended the stream instead */
export async function hearFrame(
  frames: Frames,
  name: string,
  options: ReadOptions = {},
): Promise<Uint8Array> {
  const frame = await frames.read(options)
  if (frame === null)
    throw new ProtocolError('truncated', `The peer ended the stream before its ${name}`)
  return frame
}
