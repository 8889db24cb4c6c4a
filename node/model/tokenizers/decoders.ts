/**
 * Tokens as text again.
 * Source: tokenizers (Rust), decoders/.
 */
import { z } from 'zod'
import { fromByteLetters } from './byte-letters.ts'
import { patternOf, patternSchema } from './pattern.ts'

export type Decoder = (tokens: readonly string[]) => string[]

interface DecoderSequence {
  type: 'Sequence'
  decoders: DecoderJson[]
}
const single = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal(['ByteLevel', 'ByteFallback', 'Fuse']) }),
  z.looseObject({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
  z.looseObject({
    type: z.literal('Strip'),
    content: z.string(),
    start: z.int().min(0).max(1000),
    stop: z.int().min(0).max(1000),
  }),
  z.looseObject({
    type: z.literal('Metaspace'),
    replacement: z.string(),
    prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
  }),
])
type DecoderJson = z.infer<typeof single> | DecoderSequence
export const decoderSchema: z.ZodType<DecoderJson> = z.union([
  single,
  z.looseObject({
    type: z.literal('Sequence'),
    decoders: z.array(z.lazy(() => decoderSchema)).max(100),
  }),
])

export function decoderOf(json: DecoderJson): Decoder {
  switch (json.type) {
    case 'Sequence': {
      const all = json.decoders.map(decoderOf)
      return (tokens) => all.reduce<string[]>((parts, decode) => decode(parts), [...tokens])
    }
    case 'ByteLevel':
      return fromLetters
    case 'ByteFallback':
      return fromByteTokens
    case 'Fuse':
      return (tokens) => [tokens.join('')]
    case 'Replace': {
      const pattern = patternOf(json.pattern)
      return (tokens) => tokens.map((token) => token.replaceAll(pattern, () => json.content))
    }
    case 'Strip':
      return (tokens) => tokens.map((token) => stripped(token, json))
    case 'Metaspace': {
      const first = json.prepend_scheme === 'never' ? ' ' : ''
      return (tokens) =>
        tokens.map((token, i) => token.replaceAll(json.replacement, i === 0 ? first : ' '))
    }
  }
}

/** A byte that begins a text as a mark of its order is a letter like others. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

function fromLetters(tokens: readonly string[]): string[] {
  const encoder = new TextEncoder()
  const bytes = tokens.flatMap((token) => fromByteLetters(token) ?? [...encoder.encode(token)])
  return [utf8.decode(Uint8Array.from(bytes))]
}

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/

/** Bytes that follow each other are a text; if they are none, each is a replacement character. */
function fromByteTokens(tokens: readonly string[]): string[] {
  const parts: string[] = []
  let bytes: number[] = []
  const flush = () => {
    if (bytes.length > 0) parts.push(textOf(Uint8Array.from(bytes)))
    bytes = []
  }
  for (const token of tokens) {
    const found = BYTE_TOKEN.exec(token)
    if (found !== null) bytes.push(Number.parseInt(found[1]!, 16))
    else {
      flush()
      parts.push(token)
    }
  }
  flush()
  return parts
}

function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return '\ufffd'.repeat(bytes.length)
  }
}

function stripped(
  token: string,
  { content, start, stop }: { content: string; start: number; stop: number },
): string {
  const letters = [...token]
  let from = 0
  while (from < start && letters[from] === content) from += 1
  let to = letters.length
  while (letters.length - to < stop && letters[to - 1] === content) to -= 1
  return letters.slice(from, Math.max(from, to)).join('')
}
