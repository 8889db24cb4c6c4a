/** All examples of a source as tokens, with what is to be told of those that are none. */
import { ConfigError } from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import type { ChatTemplate } from '../model/chat-template.ts'
import { newFieldUse } from './field-use.ts'
import { tells } from './fields.ts'
import type { Example } from './kinds.ts'
import { add, type LeftOut, NAMES_MAX, newLeftOut } from './left-out.ts'
import { type BadRow, isBad } from './row.ts'
import type { Source } from './sources.ts'
import { type TokenisedExample, type Tokeniser, tokeniseExample } from './tokenise.ts'

export interface TokeniseOptions {
  /** How conversations are written; null: there are none. */
  template: ChatTemplate | null
  /** What rows do that cannot be learned: end it all, with the first of them, or be left out. */
  badRows: 'refuse' | 'skip'
}

export interface Tokenised {
  examples: TokenisedExample[]
  /** Nothing in them is learned. */
  empty: LeftOut
  bad: LeftOut
  /** The first of the bad rows. */
  complaints: string[]
  /** Fields of rows that mean nothing here. */
  aside: Set<string>
  /** Fields of conversations that the chat template never writes. */
  unwritten: { field: string; count: number; first: string }[]
  /** Roles of turns that are read, and not learned, though nobody knows them. */
  strangers: Set<string>
  /** Files that are not read, where the path is a folder. */
  files: LeftOut
  /** How often an epoch has what it has; left out: once. */
  weight?: number | undefined
}

/** Reads on after a bad row, to tell of several at a time. */
export async function tokenise(
  { examples, leftOut, weight }: Pick<Source, 'examples' | 'leftOut' | 'weight'>,
  tokenizer: Tokeniser,
  { template, badRows }: TokeniseOptions,
  tell: TellPiece = () => {},
): Promise<Tokenised> {
  const use = newFieldUse()
  const all: Tokenised = {
    examples: [],
    empty: newLeftOut(),
    bad: newLeftOut(),
    complaints: [],
    aside: new Set(),
    unwritten: [],
    strangers: use.strangers,
    files: leftOut,
    weight,
  }
  for await (const example of examples()) {
    tell(example.name, isBad(example) ? 0 : sizeOf(example))
    if (isBad(example)) complain(all, example)
    else take(all, example, tokeniseExample(example, tokenizer, template, use))
    if (badRows === 'refuse' && all.bad.count === NAMES_MAX) break
  }
  for (const [field, found] of use.unwritten) all.unwritten.push(Object.assign({ field }, found))
  return all
}

function take(
  all: Tokenised,
  { name, aside }: Example,
  tokenised: ReturnType<typeof tokeniseExample>,
): void {
  if (tokenised === null) add(all.empty, name)
  else if (isBad(tokenised)) complain(all, tokenised)
  else all.examples.push(tokenised)
  for (const field of aside) all.aside.add(field)
}

/** How much there is to encode: of a conversation, its beginnings up to each turn. */
function sizeOf(example: Example): number {
  switch (example.type) {
    case 'text':
      return example.text.length
    case 'answer':
      return example.turns.reduce(
        (sum, { prompt, answer }) => sum + prompt.length + answer.length,
        0,
      )
    case 'chat':
      return lengthOf([example.messages, example.variables]) * example.messages.length
    case 'rated':
      return example.answers.reduce((sum, answer) => sum + sizeOf(answer.example), 0)
  }
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, part) => sum + lengthOf(part), 0)
}

function complain(all: Tokenised, { name, complaint }: BadRow): void {
  add(all.bad, name)
  if (all.complaints.length < NAMES_MAX) all.complaints.push(complaint)
}

/**
 * @throws ConfigError that tells the first of the rows which cannot be learned, and of what they
 *   have that the chat template does not write, though it changes what is learned
 */
export function refuseBad(parts: readonly Tokenised[], { badRows }: TokeniseOptions): void {
  const complaints = parts.flatMap((part) => part.complaints).slice(0, NAMES_MAX)
  if (badRows === 'refuse' && complaints.length > 0) {
    const more = complaints.length === NAMES_MAX ? '\nThere may be more.' : ''
    throw new ConfigError(
      `${complaints.join('\n')}${more}\nMend them, or set 'skip_bad_rows: true' in run.yaml to ` +
        'leave such rows out',
    )
  }
  for (const { field, count, first } of parts.flatMap((part) => part.unwritten)) {
    if (!tells(field)) continue
    const rows = count === 1 ? `a row (${first})` : `${count} rows, of which ${first} is the first`
    throw new ConfigError(
      `Cannot learn '${field}' of ${rows}, as the chat template does not write it: set a ` +
        `'chat_template' that does, or 'leave_aside: [${field}]' in its dataset to learn without`,
    )
  }
}
