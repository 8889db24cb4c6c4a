/**
 * The rows of `eval_choices` and `eval_generate`, read and cut into tokens. What is no such row, or
 * too long, is refused by file and row: a score over some of them would be another score.
 */
import {
  CHOICES_MAX,
  ConfigError,
  counted,
  SCORED_BYTES_MAX,
  SCORED_ROWS_MAX,
  SCORED_TOKENS_MAX,
} from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import type { ChatTemplate } from '../model/chat-template.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import { shown } from '../shown.ts'
import { encodeQuestion } from './encode-question.ts'
import { type Fields, isFields } from './fields.ts'
import type { DatasetPlace, FoundFiles } from './files.ts'
import { listed } from './left-out.ts'
import { isBad } from './row.ts'
import {
  ANSWER_LENGTH_MAX,
  contextOf,
  encodeAskedRows,
  encodeScoredRows,
  extractAnswer,
  type ScoredQuestion,
  type ScoredRows,
} from './scored-rows.ts'
import { openRows } from './sources.ts'

interface ScoredPlace extends DatasetPlace {
  found?: FoundFiles
  /** Whether a prompt is what a user says, in the words of the chat template. */
  apply_chat_template: boolean
}

/** What run.yaml says of it. */
export interface ScoredSources {
  choices: (ScoredPlace & { target_delimiter: string }) | null
  generate: (ScoredPlace & { max_new_tokens: number; regex?: string | undefined }) | null
}

/** Whether prompts are written by a chat template. */
export const isTemplateUsed = ({ choices, generate }: ScoredSources): boolean =>
  [choices, generate].some((source) => source?.apply_chat_template === true)

export interface ScoredWorld {
  /** That paths are relative to. */
  folder: string
  /** Its stops end an answer. */
  tokenizer: TextTokenizer
  /** @throws ConfigError where there is none */
  template(): ChatTemplate
  /** The base has a row of numbers for each id below, and has seen so many tokens at a time. */
  vocabularyRows: number
  contextLength: number
  tell: TellPiece
}

export interface ReadScoredRows {
  blob: Uint8Array
  /** The same without the answers. */
  asked: Uint8Array
  questions: number
  prompts: number
  contextTokens: number
  /** Tokens that are read for a score, and that may be written. */
  readTokens: number
  writtenTokensMax: number
  /** Sentences on what was not looked at. */
  notes: string[]
}

/** @throws ConfigError that names the first row which is none, or the file */
export async function readScoredRows(
  { choices, generate }: ScoredSources,
  world: ScoredWorld,
): Promise<ReadScoredRows> {
  const notes: string[] = []
  const rows: ScoredRows = {
    questions: choices === null ? [] : await questionsOf(choices, world, notes),
    prompts: generate === null ? [] : await promptsOf(generate, world, notes),
    tokensMax: generate?.max_new_tokens ?? 1,
    stopIds: [...world.tokenizer.stopIds],
    regex: generate?.regex ?? null,
  }
  const blob = encodeScoredRows(rows)
  if (blob.length > SCORED_BYTES_MAX) {
    throw new ConfigError(
      `Cannot score on so much text as its tokens must have at most ${SCORED_BYTES_MAX} bytes: ` +
        `current value is ${blob.length}. Give fewer rows in 'eval_choices' or 'eval_generate'`,
    )
  }
  const { questions, prompts, tokensMax } = rows
  const sum = (all: readonly { length: number }[]) => all.reduce((n, { length }) => n + length, 0)
  const ofQuestions = questions.map(
    ({ prompt, choices: all }) => prompt.length + sum(all.map((choice) => choice.ids)),
  )
  return {
    blob,
    asked: encodeAskedRows(rows),
    questions: questions.length,
    prompts: prompts.length,
    contextTokens: contextOf(rows),
    readTokens:
      ofQuestions.reduce((n, length) => n + length, 0) + sum(prompts.map(({ prompt }) => prompt)),
    writtenTokensMax: prompts.length * tokensMax,
    notes,
  }
}

interface OpenRow {
  /** `file:line`. */
  name: string
  fields: Fields
}

const QUESTION = '{"prompt": "...", "choices": ["...", "..."], "answer": 0}'
const PROMPT = '{"prompt": "...", "answer": "..."}'

async function questionsOf(
  entry: NonNullable<ScoredSources['choices']>,
  world: ScoredWorld,
  notes: string[],
): Promise<ScoredQuestion[]> {
  const questions: ScoredQuestion[] = []
  const known = ['prompt', 'question', 'choices', 'answer']
  for await (const { name, fields } of rowsOf('eval_choices', entry, { known, world, notes })) {
    const refuse = (what: string) => refusal('eval_choices', name, what, QUESTION)
    const { choices } = fields
    const isTexts = (all: unknown): all is string[] =>
      Array.isArray(all) && all.every((text) => typeof text === 'string' && text !== '')
    if (!isTexts(choices) || choices.length < 2 || choices.length > CHOICES_MAX) {
      throw refuse(`'choices' must be a list of 2 to ${CHOICES_MAX} texts`)
    }
    if (new Set(choices).size < choices.length) throw refuse('two of its choices are the same')
    const answer = indexOf(fields.answer, choices)
    if (answer === null) {
      throw refuse("'answer' must be the index of the right choice, from 0, or its text")
    }
    const { prompt, choices: tokens } = encodeQuestion(world.tokenizer, {
      prompt: promptText(textOf(fields, refuse), entry, world),
      choices,
      delimiter: entry.target_delimiter,
      hasBegin: entry.apply_chat_template,
    })
    if (tokens.some(({ ids }) => ids.length === 0)) {
      throw refuse('each choice must have a token of its own behind the prompt')
    }
    const longest = Math.max(...tokens.map(({ ids }) => ids.length))
    checkLength(prompt.length + longest, world, refuse)
    checkKnown([prompt, ...tokens.map(({ ids }) => ids)], world, refuse)
    questions.push({ prompt, choices: tokens, answer })
  }
  return questions
}

/** A text may be the index in digits, or one of the choices, but not both for two choices. */
function indexOf(answer: unknown, choices: readonly string[]): number | null {
  const isDigits = typeof answer === 'string' && /^(0|[1-9][0-9]{0,3})$/.test(answer)
  const isNumber = typeof answer === 'number' || typeof answer === 'bigint'
  const found = new Set<number>()
  if (isDigits || isNumber) found.add(Number(answer))
  if (typeof answer === 'string') found.add(choices.indexOf(answer))
  const [index, other] = [...found].filter((at) => Number.isInteger(at) && at in choices)
  return index === undefined || other !== undefined ? null : index
}

async function promptsOf(
  entry: NonNullable<ScoredSources['generate']>,
  world: ScoredWorld,
  notes: string[],
): Promise<ScoredRows['prompts']> {
  const prompts: ScoredRows['prompts'] = []
  const known = ['prompt', 'question', 'answer']
  const { regex = null } = entry
  const unmatched: string[] = []
  for await (const { name, fields } of rowsOf('eval_generate', entry, { known, world, notes })) {
    const refuse = (what: string) => refusal('eval_generate', name, what, PROMPT)
    const { answer } = fields
    const said = typeof answer === 'number' || typeof answer === 'bigint' ? `${answer}` : answer
    if (typeof said !== 'string' || said.length > ANSWER_LENGTH_MAX) {
      throw refuse(`'answer' must be a text of at most ${ANSWER_LENGTH_MAX} characters`)
    }
    // What is taken out of the written text is taken out of a longer answer, too.
    const matched = extractAnswer(said, regex)
    const expected = matched ?? said.trim()
    if (matched === null) unmatched.push(expected)
    if (expected === '') throw refuse("'answer' must have more than white space")
    const prompt = promptIds(textOf(fields, refuse), entry, world)
    checkLength(prompt.length + entry.max_new_tokens, world, refuse)
    checkKnown([prompt], world, refuse)
    prompts.push({ prompt, answer: new TextEncoder().encode(expected) })
  }
  if (regex !== null && unmatched.length === prompts.length) notes.push(unmatchedNote(unmatched))
  return prompts
}

/** Answers may be written without what the regex looks for: nobody can tell that from a slip. */
function unmatchedNote(answers: readonly string[]): string {
  const all = counted(answers.length, 'expected answer')
  return (
    `eval_generate: its regex matches none of ${all}, so they are compared as they are: ` +
    `exact_match stays 0 unless the regex can take such out of what is written, as ` +
    `${shown(answers[0])}.`
  )
}

type Refuse = (what: string) => ConfigError

const refusal = (key: string, name: string, what: string, must: string): ConfigError =>
  new ConfigError(`Cannot score on ${name} (${key}) as ${what}. A row must be ${must}`)

interface Reading {
  /** Fields that are looked at. */
  known: readonly string[]
  world: ScoredWorld
  notes: string[]
}

/** @throws ConfigError that names the row, or says that there are none, or too many */
async function* rowsOf(
  key: string,
  place: ScoredPlace,
  { known, world, notes }: Reading,
): AsyncGenerator<OpenRow> {
  const { rows, leftOut } = await openRows(place, world.folder, world.tell)
  const others = new Set<string>()
  let count = 0
  for await (const row of rows()) {
    if (isBad(row)) throw new ConfigError(row.complaint)
    const { name, value } = row
    if (!isFields(value)) throw refusal(key, name, 'it has no fields', QUESTION)
    for (const field of Object.keys(value)) if (!known.includes(field)) others.add(field)
    count += 1
    if (count > SCORED_ROWS_MAX) {
      throw new ConfigError(
        `Cannot score on '${place.path}' (${key}) as it has more than ${SCORED_ROWS_MAX} rows: ` +
          `say which, as with 'split: train[:${SCORED_ROWS_MAX}]'`,
      )
    }
    yield { name, fields: value }
  }
  if (count === 0) {
    throw new ConfigError(`Cannot score on '${place.path}' (${key}) as there is no row in it`)
  }
  if (leftOut.count > 0) {
    notes.push(`${key}: ${counted(leftOut.count, 'file')} not read: ${listed(leftOut)}.`)
  }
  if (others.size > 0) {
    const names = [...others].sort().slice(0, FIELDS_NAMED_MAX).join(', ')
    notes.push(`${key}: ${counted(others.size, 'field')} of its rows not looked at: ${names}.`)
  }
}

const FIELDS_NAMED_MAX = 8

function textOf({ prompt, question }: Fields, refuse: Refuse): string {
  const [text, other] = [prompt ?? question, prompt === undefined ? undefined : question]
  if (typeof text !== 'string') throw refuse("'prompt' (or 'question') must be a text")
  if (other !== undefined) throw refuse("'prompt' and 'question' are both there: leave one out")
  return text
}

function promptText(prompt: string, entry: ScoredPlace, world: ScoredWorld): string {
  if (!entry.apply_chat_template) return prompt
  return world.template().render([{ role: 'user', content: prompt }], true)
}

/** An empty prompt is the end of the text before. */
function promptIds(prompt: string, entry: ScoredPlace, world: ScoredWorld): number[] {
  const { tokenizer } = world
  const text = promptText(prompt, entry, world)
  const ids = entry.apply_chat_template ? tokenizer.encode(text) : tokenizer.encodeWhole(text)
  return ids.length > 0 ? [...ids] : [tokenizer.eosId]
}

function checkLength(tokens: number, { contextLength }: ScoredWorld, refuse: Refuse): void {
  const most = Math.min(contextLength, SCORED_TOKENS_MAX)
  if (tokens <= most) return
  throw refuse(
    `it has ${tokens} tokens with its answer, and ${most} are the most on this base: shorten it`,
  )
}

function checkKnown(all: readonly number[][], { vocabularyRows }: ScoredWorld, refuse: Refuse) {
  const id = all.flat().find((one) => one >= vocabularyRows)
  if (id !== undefined) throw refuse(`it has the token ${id}, which the base has no row for`)
}
