/** `barnraise eval`: how well base and adapter know a text, in one table. */

import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ConfigError, counted } from '../../protocol/index.ts'
import { readDocuments } from '../dataset/documents.ts'
import { listed } from '../dataset/left-out.ts'
import { type Document, ratedAt } from '../dataset/sources.ts'
import { compact } from '../history/figures.ts'
import { whyUnread } from '../system-reason.ts'
import { type Question, scoreChoices, scoreText, type TextScore } from '../text/evaluate-text.ts'
import type { ChoiceScore } from '../text/score-choices.ts'
import type { TextSession, Variant } from '../text/text-session.ts'
import { variantsOf } from './generate.ts'
import { type ModelOptions, withTextSession } from './model-choice.ts'
import { printColumns, printJson } from './output.ts'
import { createScreen } from './terminal.ts'

export interface EvalOptions extends ModelOptions {
  data?: string
  remember?: string
  choices?: string
  json?: boolean
}

interface Scores extends TextScore {
  /** The score on the text that should not be forgotten. */
  remember?: TextScore
  choices?: ChoiceScore
}

export function evaluate(run: string | undefined, options: EvalOptions): Promise<void> {
  return withTextSession(run, options, async (session) => {
    const data = await documentsOf(options.data)
    const remember = options.remember === undefined ? null : await documentsOf(options.remember)
    const questions = options.choices === undefined ? null : await readQuestions(options.choices)
    const screen = createScreen(process.stderr)
    const scores = new Map<Variant, Scores>()
    for (const variant of variantsOf(session)) {
      const tell = (tokens: number) => screen.update(`${variant}: ${compact(tokens)} tokens read`)
      scores.set(variant, {
        ...(await scoreText(session, variant, data, tell)),
        ...(remember && { remember: await scoreText(session, variant, remember, tell) }),
        ...(questions && { choices: await scoreChoices(session, variant, questions) }),
      })
    }
    screen.clear()
    print(session, scores, options.json === true)
  })
}

const NO_PREFERENCE =
  'It measures how well a text is known, token by token, and not which of two answers is the ' +
  'better: that is measured after each round on the answers that the run holds out, and ' +
  '`barnraise status RUN` shows it'

async function documentsOf(path: string | undefined): Promise<Document[]> {
  if (path === undefined) {
    throw new ConfigError(`Cannot evaluate as '--data' names no text. ${NO_PREFERENCE}`)
  }
  const { documents, leftOut } = await readDocuments(path, process.cwd()).catch(async (error) => {
    if (error instanceof ConfigError && (await isRated(path))) {
      throw new ConfigError(
        `Cannot evaluate on '${path}' as its rows rate answers. ${NO_PREFERENCE}`,
      )
    }
    throw error
  })
  if (leftOut.count > 0) {
    const which = `${counted(leftOut.count, 'file')} at '${path}'`
    process.stderr.write(`Not read: ${which} (${listed(leftOut)})\n`)
  }
  if (documents.some(({ text }) => text.trim() !== '')) return documents
  throw new ConfigError(`Cannot evaluate on '${path}' as there is no text in it`)
}

async function isRated(path: string): Promise<boolean> {
  const kind = await ratedAt({ path }, process.cwd(), () => {}).catch(() => null)
  return kind !== null
}

/** The last model's figures at the top, the base's beside them where there are two. */
function print(session: TextSession, scores: ReadonlyMap<Variant, Scores>, json: boolean): void {
  const base = scores.get('base')!
  const adapter = scores.get('adapter')
  const { name, shape } = session.model
  if (json) {
    const both = adapter === undefined ? base : { ...adapter, base }
    return printJson({ model: name, context: shape.contextMax, ...both })
  }
  const columns = [base, ...(adapter === undefined ? [] : [adapter])]
  const row = (title: string, cell: (one: Scores) => string | undefined): string[][] => {
    const cells = columns.map(cell)
    return cells.some((text) => text === undefined) ? [] : [[title, ...(cells as string[])]]
  }
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`
  printColumns([
    ['', 'base', ...(adapter === undefined ? [] : ['adapter'])],
    ...row('loss (nats a token)', ({ loss }) => loss.toFixed(4)),
    ...row('perplexity', ({ perplexity }) => perplexity.toFixed(3)),
    ...row('bits per byte', ({ bitsPerByte }) => bitsPerByte.toFixed(4)),
    ...row('token accuracy', ({ tokenAccuracy }) => percent(tokenAccuracy)),
    ...row('tokens', ({ tokens }) => String(tokens)),
    ...row('loss on what to remember', ({ remember }) => remember?.loss.toFixed(4)),
    ...row('right choices', ({ choices }) => choices && percent(choices.accuracy)),
    ...row('... by length', ({ choices }) => choices && percent(choices.accuracyByLength)),
  ])
}

const questionSchema = z
  .object({
    prompt: z.string(),
    choices: z.array(z.string().min(1)).min(2),
    answer: z.number().int().min(0),
  })
  .refine(({ choices, answer }) => answer < choices.length, "'answer' is the index of a choice")

/** @throws ConfigError with the line that is no question */
async function readQuestions(path: string): Promise<Question[]> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new ConfigError(`Cannot read the choices in '${path}' as ${whyUnread(error)}`)
  })
  const lines = text.split('\n')
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return []
    try {
      return [questionSchema.parse(JSON.parse(line))]
    } catch {
      throw new ConfigError(
        `Cannot read ${path}:${index + 1} as a line must be ` +
          '{"prompt": "...", "choices": ["...", "..."], "answer": 0}: answer counts from 0',
      )
    }
  })
}
