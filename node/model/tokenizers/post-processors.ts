/**
 * What tokenizer.json adds to the ids of a text: its begin, or its end.
 * Source: tokenizers (Rust), processors/.
 */
import { z } from 'zod'

/** The ids before a text's, and those after. */
export interface Around {
  before: number[]
  after: number[]
}

const special = z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }) })
const text = z.looseObject({ Sequence: z.looseObject({ id: z.string() }) })
interface ProcessorSequence {
  type: 'Sequence'
  processors: ProcessorJson[]
}
const single = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('ByteLevel') }),
  z.looseObject({
    type: z.literal('TemplateProcessing'),
    single: z.array(z.union([special, text])).max(100),
    special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(z.int().min(0)).max(100) })),
  }),
])
type ProcessorJson = z.infer<typeof single> | ProcessorSequence
export const processorSchema: z.ZodType<ProcessorJson> = z.union([
  single,
  z.looseObject({
    type: z.literal('Sequence'),
    processors: z.array(z.lazy(() => processorSchema)).max(100),
  }),
])

/** @throws Error for a template that does not have the text once */
export function aroundOf(json: ProcessorJson): Around {
  switch (json.type) {
    case 'ByteLevel':
      // It changes where tokens are said to stand, which nobody here asks.
      return { before: [], after: [] }
    case 'Sequence': {
      const all = json.processors.map(aroundOf)
      const inner = [...all].reverse()
      return {
        before: inner.flatMap(({ before }) => before),
        after: all.flatMap(({ after }) => after),
      }
    }
    case 'TemplateProcessing':
      return templateAround(json)
  }
}

function templateAround({
  single,
  special_tokens: tokens,
}: Extract<ProcessorJson, { type: 'TemplateProcessing' }>): Around {
  const at = single.findIndex((part) => 'Sequence' in part)
  const isOnce = single.filter((part) => 'Sequence' in part).length === 1
  if (!isOnce) throw new Error('its post_processor must have the text once')
  const idsOf = (parts: typeof single) =>
    parts.flatMap((part) => {
      const name = (part as z.infer<typeof special>).SpecialToken.id
      if (!Object.hasOwn(tokens, name)) throw new Error(`its post_processor lacks '${name}'`)
      return tokens[name]!.ids
    })
  return { before: idsOf(single.slice(0, at)), after: idsOf(single.slice(at + 1)) }
}
