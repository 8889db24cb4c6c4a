/**
 * `barnraise chat`: talk with the adapter, or with base and adapter side by side, in the words of
 * the model's chat template where it has one.
 */
import { createInterface } from 'node:readline/promises'
import { createTalk } from '../model/talk.ts'
import type { TextSession, Variant } from '../text/text-session.ts'
import { type SamplingOptions, variantsOf, writeOptions } from './generate.ts'
import { type ModelOptions, withTextSession } from './model-choice.ts'
import { printJson, printLine } from './output.ts'
import { paint } from './terminal.ts'

export interface ChatOptions extends ModelOptions, SamplingOptions {
  compare?: boolean
  system?: string
  plain?: boolean
  json?: boolean
}

export function chat(run: string | undefined, options: ChatOptions): Promise<void> {
  return withTextSession(run, options, async (session) => {
    const all = variantsOf(session)
    const variants = options.compare ? all : all.slice(-1)
    const { tokenizer } = session.model
    const template = options.plain ? null : session.model.template
    const newTalk = () => createTalk({ tokenizer, template, system: options.system })
    const talks = new Map(variants.map((variant) => [variant, newTalk()]))
    let turn = 0
    for await (const line of linesTyped(session.stopWriting)) {
      for (const [variant, talk] of talks) {
        talk.answered(await answer(session, variant, talk.say(line), turn, options))
      }
      turn += 1
    }
    if (turn === 0 && process.stdin.isTTY !== true) {
      process.stderr.write('Nothing was said: lines on stdin are answered one by one\n')
    }
  })
}

const HELP = `What you type is answered. Besides:
  /help    this
  /exit    ends the talk, as Ctrl-D does
  Ctrl-C   ends an answer`

/** What is typed until /exit or the end of input. Ctrl-C ends an answer, or else the talk. */
async function* linesTyped(stop: () => void): AsyncGenerator<string> {
  const isTerminal = process.stdin.isTTY === true
  const lines = createInterface({
    input: process.stdin,
    ...(isTerminal && { output: process.stderr }),
  })
  const ask = () => isTerminal && lines.prompt()
  let isAnswering = false
  if (isTerminal) process.stderr.write('/help says what can be typed.\n')
  lines.setPrompt(paint('bold', '> ', process.stderr))
  lines.on('SIGINT', () => (isAnswering ? stop() : lines.close()))
  ask()
  for await (const line of lines) {
    if (line.trim() === '/exit') break
    if (line.trim() === '/help') process.stderr.write(`${HELP}\n`)
    else {
      isAnswering = true
      yield line
      isAnswering = false
    }
    ask()
  }
  lines.close()
}

async function answer(
  session: TextSession,
  variant: Variant,
  ids: Int32Array,
  turn: number,
  options: ChatOptions,
): Promise<string> {
  if (options.json) {
    const { text } = await session.write(variant, ids, writeOptions(options))
    printJson({ turn, [variant]: text })
    return text
  }
  if (options.compare) printLine(paint('dim', `${variant}:`, process.stdout))
  const print = (piece: string) => process.stdout.write(piece)
  const { text } = await session.write(variant, ids, writeOptions(options), print)
  printLine()
  return text
}
