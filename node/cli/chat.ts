/**
 * `barnraise chat`: talk with the adapter, or with base and adapter side by side, in the words of
 * the model's chat template where it has one.
 */
import { createInterface } from 'node:readline/promises'
import type { ChatMessage } from '../model/chat-template.ts'
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
    const talks = new Map(dresses.map((dress) => [dress, newTalk(session, options)]))
    let turn = 0
    for await (const line of linesTyped(session.hush)) {
      for (const [dress, talk] of talks) {
        talk.answered(await answer(session, dress, talk.say(line), turn, options))
      }
      turn += 1
    }
  })
}

interface Talk {
  /** The ids of all that was said so far, up to where the answer begins. */
  say(line: string): Int32Array
  answered(text: string): void
}

/** In the words of the model's template; without one, or plainly, text that goes on. */
function newTalk({ model }: TextSession, { system, plain }: ChatOptions): Talk {
  const { template, tokenizer } = model
  if (template === null || plain) {
    let said = system === undefined ? '' : `${system}\n`
    return {
      say: (line) => {
        said += line
        return tokenizer.encodeWhole(said)
      },
      answered: (text) => {
        said += `${text}\n`
      },
    }
  }
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }]
  return {
    say: (line) => {
      messages.push({ role: 'user', content: line })
      return tokenizer.encode(template.render(messages, true))
    },
    answered: (text) => messages.push({ role: 'assistant', content: text }),
  }
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
