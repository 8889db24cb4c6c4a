/** `barnraise eval`: how well base and adapter know a text, in one table. */

import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { assert, ConfigError, counted } from '../../protocol/index.ts'
import { readDocuments } from '../dataset/documents.ts'
import { listed } from '../dataset/left-out.ts'
import type { Document, Documents, RatedRows, RatingLoss } from '../dataset/sources.ts'
import { compact } from '../history/figures.ts'
import { whyUnread } from '../system-reason.ts'
import { type RatedScore, ratedTokens, scoreRated } from '../text/evaluate-rated.ts'
import { type Question, scoreChoices, scoreText, type TextScore } from '../text/evaluate-text.ts'
import type { ChoiceScore } from '../text/score-choices.ts'
import type { TextSession, Variant } from '../text/text-session.ts'
import { variantsOf } from './generate.ts'
import { type ModelOptions, withTextSession } from './model-choice.ts'
import { printColumns, printJson } from './output.ts'
import { createScreen, type Screen } from './terminal.ts'

export interface EvalOptions extends ModelOptions {
  data: string
  remember?: string
  choices?: string
  json?: boolean
}

/** The figures of a text, or of answers that are rated. */
interface Scores extends Partial<TextScore>, Partial<RatedScore> {
  /** The score on the text that should not be forgotten. */
  remember?: TextScore
  choices?: ChoiceScore
}

export function evaluate(run: string | undefined, options: EvalOptions): Promise<void> {
  return withTextSession(run, options, async (session) => {
    const rl = session.model.preference?.loss ?? null
    const data = await dataAt(options.data, rl)
    const remember = options.remember === undefined ? null : await textsAt(options.remember)
    const questions = options.choices === undefined ? null : await readQuestions(options.choices)
    const screen = createScreen(process.stderr)
    const measured = await measure(session, data, screen)
    const scores = new Map<Variant, Scores>()
    for (const [variant, score] of measured) {
      scores.set(variant, {
        ...score,
        ...(remember && { remember: await scoreText(session, variant, remember) }),
        ...(questions && { choices: await scoreChoices(session, variant, questions) }),
      })
    }
    screen.clear()
    print(session, scores, options.json === true)
  })
}

async function measure(
  session: TextSession,
  data: Documents | RatedRows,
  screen: Screen,
): Promise<Map<Variant, TextScore | RatedScore>> {
  const variants = variantsOf(session)
  if ('rated' in data) {
    const rows = ratedTokens(session.model, data.rated)
    const tell = (count: number) => screen.update(`${count} of ${counted(rows.length, 'row')} read`)
    return scoreRated(session, variants, rows, session.model.preference!, tell)
  }
  const scores = new Map<Variant, TextScore>()
  for (const variant of variants) {
    const tell = (tokens: number) => screen.update(`${variant}: ${compact(tokens)} tokens read`)
    scores.set(variant, await scoreText(session, variant, data.documents, tell))
  }
  return scores
}

async function dataAt(path: string, rl: RatingLoss | null): Promise<Documents | RatedRows> {
  const data = await readDocuments({ path, folder: process.cwd(), rl })
  const { leftOut } = data
  if (leftOut.count > 0) {
    const which = `${counted(leftOut.count, 'file')} at '${path}'`
    process.stderr.write(`Not read: ${which} (${listed(leftOut)})\n`)
  }
  if ('rated' in data || data.documents.some(({ text }) => text.trim() !== '')) return data
  throw new ConfigError(`Cannot evaluate on '${path}' as there is no text in it`)
}

async function textsAt(path: string): Promise<Document[]> {
  const data = await dataAt(path, null)
  assert(!('rated' in data), 'rows that rate answers are read for a loss alone')
  return data.documents
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
  const percent = (share: number | undefined) =>
    share === undefined ? undefined : `${(100 * share).toFixed(2)} %`
  printColumns([
    ['', 'base', ...(adapter === undefined ? [] : ['adapter'])],
    ...row(lossName(session, base), ({ loss }) => loss!.toFixed(4)),
    ...row('accuracy', ({ accuracy }) => percent(accuracy)),
    ...row('margin', ({ margin }) => margin?.toFixed(4)),
    ...row('rated', ({ rated }) => rated?.toString()),
    ...row('perplexity', ({ perplexity }) => perplexity?.toFixed(3)),
    ...row('bits per byte', ({ bitsPerByte }) => bitsPerByte?.toFixed(4)),
    ...row('token accuracy', ({ tokenAccuracy }) => percent(tokenAccuracy)),
    ...row('tokens', ({ tokens }) => tokens?.toString()),
    ...row('loss on what to remember', ({ remember }) => remember?.loss.toFixed(4)),
    ...row('acc', ({ choices }) => percent(choices?.acc)),
    ...row('acc_norm', ({ choices }) => percent(choices?.accNorm)),
  ])
}

const lossName = ({ model }: TextSession, { rated }: Scores): string =>
  rated === undefined ? 'loss (nats a token)' : `${model.preference!.loss} loss`

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
