/** A mirror as a source: one request for the rest of a file, of which nothing is believed. */
import type { BlobSource } from './blob-sources.ts'
import { addressIn } from './mirrors.ts'

export interface MirrorAnswer {
  status: number
  body: AsyncIterable<Uint8Array>
  /** Gives the body up. */
  cancel(): void
}

/** Asks as the platform does. @throws Error in words where it asks for nothing, or hears nothing */
export type AskMirror = (
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<MirrorAnswer>

export function mirrorSource(mirror: string, ask: AskMirror): BlobSource {
  return {
    name: new URL(mirror).host,
    async open({ digest }, from, signal) {
      const range: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {}
      const { status, body, cancel } = await ask(addressIn(mirror, digest), range, signal)
      if (status === 206 && from > 0) return { at: from, pieces: body }
      // Some servers give no parts: what is here already comes once more.
      if (status === 200) return { at: 0, pieces: body }
      cancel()
      throw new Error(`it answers ${status}`)
    },
  }
}
