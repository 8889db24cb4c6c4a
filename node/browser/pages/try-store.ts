/** A model at work in this page: what it takes, what was asked, what it answered at which round. */
import { signal } from '@preact/signals'
import type { WriteOptions } from '../../text/write-text.ts'
import type { FailureCode, FromText, Planned, ToText, Voice } from '../tab/text-messages.ts'
import { door } from './door.ts'
import { tables } from './store.ts'
import { chooseVoices } from './try-choice.ts'

export type Stage =
  /** Asks what it will take. */
  | 'planning'
  /** Waits for a word, since it is much. */
  | 'planned'
  | 'opening'
  | 'ready'
  | 'answering'
  | 'failed'

export interface Trial {
  stage: Stage
  planned: Planned | null
  /** How much of the fetch is done; null: nothing is fetched. */
  share: { done: number; total: number } | null
  speaks: 'talk' | 'text'
  failure: { code: FailureCode; reason: string } | null
}

export interface Answer {
  /** The round whose adapter writes it; 0: the base does. */
  round: number
  text: string
  /** Tokens a second; null: it is not written yet. */
  speed: number | null
}

/** A prompt, and what was said to it. */
export interface Turn {
  id: number
  prompt: string
  answers: Answer[]
  /** Whose round writes. */
  at: number | null
}

const NEW: Trial = {
  stage: 'planning',
  planned: null,
  share: null,
  speaks: 'text',
  failure: null,
}
/** What is fetched without a question. */
const FETCH_BYTES_UNASKED = 32e6
/** Older ones go from the page, not from the talk. */
const TURNS_SHOWN = 20
/**
 * Share of the device's memory, as the browser tells it; a device that is not told is taken for
 * small.
 */
const MEMORY_SHARE = 0.5
const MEMORY_GIGABYTES_UNKNOWN = 2

export const trial = signal<Trial>(NEW)
/** Newest first. */
export const turns = signal<Turn[]>([])
/** Who is to answer, by round; null: the base and the best. */
export const wanted = signal<ReadonlySet<number> | null>(null)
/** What is being written to be asked. */
export const draft = signal('')

let worker: Worker | null = null
/** Who has written in this talk, and goes on with it. */
let talkVoices: Voice[] | null = null
let lastTurn = 0

/** Asks the coordinator what it takes, and goes on where that is little. */
export function plan(word: string): void {
  close()
  worker = startWorker()
  const { deviceMemory = MEMORY_GIGABYTES_UNKNOWN } = navigator as { deviceMemory?: number }
  const memoryBytesMax = deviceMemory * 2 ** 30 * MEMORY_SHARE
  if (door.value !== null) tell({ type: 'plan', door: door.value, word, memoryBytesMax })
}

export function open(): void {
  update({ stage: 'opening' })
  tell({ type: 'open' })
}

/** Asks what is drafted. */
export function ask(given: WriteOptions): void {
  const isTalk = trial.value.speaks === 'talk'
  const goesOn = isTalk && talkVoices !== null
  const voices =
    (goesOn && talkVoices) ||
    chooseVoices(tables.rounds.values(), wanted.value, tables.run?.metric).chosen
  talkVoices = voices
  lastTurn += 1
  const prompt = draft.value
  const answers = voices.map(({ round }) => ({ round, text: '', speed: null }))
  turns.value = [{ id: lastTurn, prompt, answers, at: null }, ...turns.value].slice(0, TURNS_SHOWN)
  if (isTalk) draft.value = ''
  update({ stage: 'answering', failure: null })
  tell({ type: 'ask', ...given, prompt, voices, goesOn })
}

/** Ends the answers where they are. */
export function stopWriting(): void {
  tell({ type: 'stop' })
}

/** Forgets what was said. */
export function startAnew(): void {
  talkVoices = null
  turns.value = []
  lastTurn = 0
}

/** Takes the last question back, as if it had not been asked. */
function takeBack(): void {
  const [unanswered, ...rest] = turns.value
  draft.value ||= unanswered?.prompt ?? ''
  turns.value = rest
  if (rest.length === 0) talkVoices = null
}

/** Gives back what it took. */
export function close(): void {
  worker?.terminate()
  worker = null
  trial.value = NEW
  startAnew()
}

function tell(message: ToText): void {
  worker?.postMessage(message)
}

function update(part: Partial<Trial>): void {
  trial.value = { ...trial.value, ...part }
}

function updateTurn(part: Partial<Turn>): void {
  const [newest, ...rest] = turns.value
  if (newest !== undefined) turns.value = [{ ...newest, ...part }, ...rest]
}

function updateAnswer(round: number, change: (answer: Answer) => Partial<Answer>): void {
  const answers = turns.value[0]?.answers.map((answer) =>
    answer.round === round ? { ...answer, ...change(answer) } : answer,
  )
  if (answers !== undefined) updateTurn({ answers })
}

function startWorker(): Worker {
  // The bundler knows a worker by these very words.
  const started = new Worker(new URL('../tab/text-worker.ts', import.meta.url), {
    type: 'module',
  })
  const hear: { [K in FromText['type']]: (m: Extract<FromText, { type: K }>) => void } = {
    planned: ({ type: _, ...planned }) => {
      update({ stage: 'planned', planned })
      const isLittle = planned.fetchBytes <= FETCH_BYTES_UNASKED
      if (planned.memory.status === 'fits' && isLittle) open()
    },
    transfer: (share) => update({ share }),
    opening: () => update({ share: null }),
    opened: ({ speaks }) => update({ stage: 'ready', speaks }),
    begins: ({ round }) => updateTurn({ at: round }),
    piece: ({ round, text: piece }) => updateAnswer(round, ({ text }) => ({ text: text + piece })),
    ends: ({ round, speed }) => updateAnswer(round, () => ({ speed })),
    answered: () => {
      updateTurn({ at: null })
      update({ stage: 'ready' })
    },
    unanswered: ({ type: _, ...failure }) => {
      takeBack()
      update({ stage: 'ready', failure })
    },
    failed: ({ code, reason }) => fail(code, reason),
  }
  started.onmessage = ({ data }: MessageEvent<FromText>) => hear[data.type](data as never)
  started.onerror = ({ message }) => fail('broken', `This browser cannot write: ${message}`)
  return started
}

function fail(code: FailureCode, reason: string): void {
  updateTurn({ at: null })
  update({ stage: 'failed', share: null, failure: { code, reason } })
}
