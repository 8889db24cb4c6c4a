/** `barnraise generate`: base and adapter, each continuing the same text. */
import type { Sample } from '../run/generate-text.ts'
import type { Dress, TextSession } from '../run/text-session.ts'
import type { Sampling } from '../training/sample.ts'
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
    const texts: Partial<Record<Dress, string>> = {}
    let tokens = 0
    const started = performance.now()
    for (const dress of dressesOf(session)) {
      if (!json) printHeading(dress, prompt)
      const written = await session.write(
        dress,
        session.model.tokenizer.encodeWhole(prompt),
        writeOptions(options),
        json ? undefined : printPiece,
      )
      if (!json) printLine()
      texts[dress] = written.text
      tokens += written.tokens
    }
    const tokensPerSecond = tokens / ((performance.now() - started) / 1000)
    if (json) printJson({ prompt, ...texts, tokens, tokensPerSecond })
    else process.stderr.write(`${tokensPerSecond.toFixed(1)} tokens a second\n`)
  })
}

/** What there is to compare. */
export function dressesOf({ model }: TextSession): Dress[] {
  return model.adapter === null ? ['base'] : ['base', 'adapter']
}

export function writeOptions({ tokens, temperature, topK, topP, seed }: SamplingOptions) {
  return { tokensMax: tokens, sampling: { temperature, topK, topP }, seed }
}

export function printSample({ prompt, base, adapter }: Sample): void {
  for (const [dress, text] of [
    ['base', base],
    ['adapter', adapter],
  ] as const) {
    printHeading(dress, prompt)
    printPiece(text)
    printLine()
  }
}

function printHeading(dress: Dress, prompt: string): void {
  printLine(paint('dim', `${dress}:`, process.stdout))
  process.stdout.write(`  ${paint('bold', prompt, process.stdout)}`)
}

/** Indented under its heading. */
function printPiece(piece: string): void {
  process.stdout.write(piece.replaceAll('\n', '\n  '))
}
