/** `barnraise generate`: base and adapter, each continuing the same text. */

import type { Sampling } from '../compute/sample.ts'
import type { Sample } from '../text/generate-text.ts'
import type { TextSession, Variant } from '../text/text-session.ts'
import { type ModelOptions, withTextSession } from './model-choice.ts'
import { printJson, printLine } from './output.ts'
import { paint } from './terminal.ts'

export interface SamplingOptions extends Sampling {
  tokens: number
  seed: number
}

export interface GenerateCommandOptions extends ModelOptions, SamplingOptions {
  prompt: string
  json?: boolean
}

export function generate(run: string | undefined, options: GenerateCommandOptions): Promise<void> {
  return withTextSession(run, options, async (session) => {
    const { prompt, json } = options
    const texts: Partial<Record<Variant, string>> = {}
    let tokens = 0
    const started = performance.now()
    for (const variant of variantsOf(session)) {
      if (!json) printHeading(variant, prompt)
      const written = await session.write(
        variant,
        session.model.tokenizer.encodeWhole(prompt),
        writeOptions(options),
        json ? undefined : printPiece,
      )
      if (!json) printLine()
      texts[variant] = written.text
      tokens += written.tokens
    }
    const tokensPerSecond = tokens / ((performance.now() - started) / 1000)
    if (json) printJson({ prompt, ...texts, tokens, tokensPerSecond })
    else process.stderr.write(`${tokensPerSecond.toFixed(1)} tokens a second\n`)
  })
}

/** What there is to compare. */
export function variantsOf({ model }: TextSession): Variant[] {
  return model.adapter === null ? ['base'] : ['base', 'adapter']
}

export function writeOptions({ tokens, temperature, topK, topP, seed }: SamplingOptions) {
  return { tokensMax: tokens, sampling: { temperature, topK, topP }, seed }
}

export function printSample({ prompt, base, adapter }: Sample): void {
  for (const [variant, text] of [
    ['base', base],
    ['adapter', adapter],
  ] as const) {
    printHeading(variant, prompt)
    printPiece(text)
    printLine()
  }
}

function printHeading(variant: Variant, prompt: string): void {
  printLine(paint('dim', `${variant}:`, process.stdout))
  process.stdout.write(`  ${paint('bold', prompt, process.stdout)}`)
}

/** Indented under its heading. */
function printPiece(piece: string): void {
  process.stdout.write(piece.replaceAll('\n', '\n  '))
}
