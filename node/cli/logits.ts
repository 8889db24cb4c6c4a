/** `barnraise logits`: what a model says after some tokens, for checks against other programs. */
import { ConfigError } from '../../protocol/index.ts'
import { variantsOf } from './generate.ts'
import { type ModelOptions, withTextSession } from './model-choice.ts'
import { printJson, printLine, printTable } from './output.ts'

export interface LogitsOptions extends ModelOptions {
  ids: number[]
  json?: boolean
}

/** How many of the likeliest tokens people are shown. */
const SHOWN = 10

export function logits(run: string | undefined, options: LogitsOptions): Promise<void> {
  return withTextSession(run, options, async (session) => {
    const { contextMax, model } = session.model.shape
    const { vocabSize } = model
    if (options.ids.length > contextMax) {
      throw new ConfigError(
        `Cannot read the tokens as 'ids' must be at most ${contextMax}, the context: ` +
          `they are ${options.ids.length}`,
      )
    }
    const bad = options.ids.find((id) => id >= vocabSize)
    if (bad !== undefined) {
      throw new ConfigError(
        `Cannot read the tokens as 'ids' must be below ${vocabSize}: current value is ${bad}`,
      )
    }
    const variant = variantsOf(session).at(-1)!
    const values = await session.logits(variant, Int32Array.from(options.ids))
    if (options.json) return printJson({ logits: [...values] })
    printLine(`the ${SHOWN} likeliest of ${values.length} tokens after ${options.ids.join(', ')}`)
    const ids = [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, SHOWN)
    printTable(
      ids.map((id) => [
        values[id]!.toFixed(5),
        `${id}  ${JSON.stringify(session.model.tokenizer.decode([id]))}`,
      ]),
    )
  })
}
