/**
 * `barnraise chat`: talk with the adapter, or with base and adapter side by side, in the words of
 * the model's chat template where it has one.
 */
import { createInterface } from 'node:readline/promises'
import { createTalk } from '../model/talk.ts'
import type { Dress, TextSession } from '../run/text-session.ts'
import { dressesOf, type SamplingOptions, writeOptions } from './generate.ts'
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
    const all = dressesOf(session)
    const dresses = options.compare ? all : all.slice(-1)
    const { tokenizer } = session.model
    const template = options.plain ? null : session.model.template
    const newTalk = () => createTalk({ tokenizer, template, system: options.system })
    const talks = new Map(dresses.map((dress) => [dress, newTalk()]))
    let turn = 0
    for await (const line of linesTyped(session.hush)) {
      for (const [dress, talk] of talks) {
        talk.answered(await answer(session, dress, talk.say(line), turn, options))
      }
      turn += 1
    }
  })
}

/** What is typed until /exit or the end of input. Ctrl-C hushes an answer, else ends the talk. */
async function* linesTyped(hush: () => void): AsyncGenerator<string> {
  const isTerminal = process.stdin.isTTY === true
  const lines = createInterface({
    input: process.stdin,
    ...(isTerminal && { output: process.stderr }),
  })
  const ask = () => isTerminal && lines.prompt()
  let isAnswering = false
  lines.setPrompt(paint('bold', '> ', process.stderr))
  lines.on('SIGINT', () => (isAnswering ? hush() : lines.close()))
  ask()
  for await (const line of lines) {
    if (line.trim() === '/exit') break
    isAnswering = true
    yield line
    isAnswering = false
    ask()
  }
  lines.close()
}

async function answer(
  session: TextSession,
  dress: Dress,
  ids: Int32Array,
  turn: number,
  options: ChatOptions,
): Promise<string> {
  if (options.json) {
    const { text } = await session.write(dress, ids, writeOptions(options))
    printJson({ turn, [dress]: text })
    return text
  }
  if (options.compare) printLine(paint('dim', `${dress}:`, process.stdout))
  const print = (piece: string) => process.stdout.write(piece)
  const { text } = await session.write(dress, ids, writeOptions(options), print)
  printLine()
  return text
}
