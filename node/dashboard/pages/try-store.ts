/** A model at work in this page: what it takes, what was asked, what base and adapter answered. */
import { signal } from '@preact/signals'
import type { Ask, FailureCode, FromText, Planned, ToText, Voice } from '../../tab/text-messages.ts'
import { type AdapterChoice, chooseAdapter } from '../try-choice.ts'
import { tables } from './store.ts'

export type Phase =
  /** Asks what it will take. */
  | 'planning'
  /** Waits for a word, since it is much. */
  | 'planned'
  | 'opening'
  | 'ready'
  | 'answering'
  | 'failed'

export interface Trial {
  phase: Phase
  planned: Planned | null
  /** Of what is fetched; null: nothing is. */
  share: { done: number; total: number } | null
  speaks: 'talk' | 'text'
  failure: { code: FailureCode; reason: string } | null
}

/** A prompt, and what was said to it. */
export interface Turn {
  id: number
  prompt: string
  /** Whose adapter answered, by its round, from 1; null: none. */
  round: number | null
  texts: Record<Voice, string>
  /** Who is at it. */
  voice: Voice | null
}

const NEW: Trial = {
  ...{ phase: 'planning', planned: null, share: null, speaks: 'text', failure: null },
}
/** What is fetched without a question. */
const FETCH_BYTES_UNASKED = 32e6
/** Older ones go from the page, not from the talk. */
const TURNS_SHOWN = 20
/** Of what the browser says that the device has; where it says nothing, it is taken for small. */
const MEMORY_SHARE = 0.5
const MEMORY_GIGABYTES_UNKNOWN = 2

export const trial = signal<Trial>(NEW)
/** Newest first. */
export const turns = signal<Turn[]>([])
/** By its round, from 1; null: the newest. */
export const wantedRound = signal<number | null>(null)

let worker: Worker | null = null
/** With which the talk began, and in which it goes on. */
let talkAdapter: AdapterChoice | null = null
let lastTurn = 0

/** Asks the coordinator what it takes, and goes on where that is little. */
export function plan(word: string): void {
  close()
  worker = startWorker()
  const { deviceMemory = MEMORY_GIGABYTES_UNKNOWN } = navigator as { deviceMemory?: number }
  const memoryBytesMax = deviceMemory * 2 ** 30 * MEMORY_SHARE
  tell({ type: 'plan', address: new URL('.', location.href).href, word, memoryBytesMax })
}

export function open(): void {
  update({ phase: 'opening' })
  tell({ type: 'open' })
}

export function ask(given: Omit<Ask, 'adapter' | 'goesOn'>): void {
  const goesOn = trial.value.speaks === 'talk' && talkAdapter !== null
  const choice = (goesOn && talkAdapter) || chooseAdapter(tables.rounds.values(), wantedRound.value)
  talkAdapter = choice
  const isWorn = choice.status === 'adapter'
  lastTurn += 1
  const turn: Turn = {
    ...{ id: lastTurn, prompt: given.prompt, round: isWorn ? choice.round : null },
    ...{ texts: { base: '', adapter: '' }, voice: null },
  }
  turns.value = [turn, ...turns.value].slice(0, TURNS_SHOWN)
  update({ phase: 'answering' })
  tell({ type: 'ask', ...given, adapter: isWorn ? choice.digest : null, goesOn })
}

/** Ends the answers where they are. */
export function hush(): void {
  tell({ type: 'hush' })
}

/** Forgets what was said. */
export function startAnew(): void {
  talkAdapter = null
  turns.value = []
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

function updateTurn(change: (turn: Turn) => Partial<Turn>): void {
  const [newest, ...rest] = turns.value
  if (newest !== undefined) turns.value = [{ ...newest, ...change(newest) }, ...rest]
}

function startWorker(): Worker {
  // The bundler knows a worker by these very words.
  const started = new Worker(new URL('../../tab/text-worker.ts', import.meta.url), {
    type: 'module',
  })
  const hear: { [K in FromText['type']]: (m: Extract<FromText, { type: K }>) => void } = {
    planned: ({ type: _, ...planned }) => {
      update({ phase: 'planned', planned })
      const isLittle = planned.fetchBytes <= FETCH_BYTES_UNASKED
      if (planned.memory.status === 'fits' && isLittle) open()
    },
    transfer: (share) => update({ share }),
    opening: () => update({ share: null }),
    opened: ({ speaks }) => update({ phase: 'ready', speaks }),
    begins: ({ voice }) => updateTurn(() => ({ voice })),
    piece: ({ voice, text }) =>
      updateTurn(({ texts }) => ({ texts: { ...texts, [voice]: texts[voice] + text } })),
    answered: () => {
      updateTurn(() => ({ voice: null }))
      update({ phase: 'ready' })
    },
    failed: ({ code, reason }) => fail(code, reason),
  }
  started.onmessage = ({ data }: MessageEvent<FromText>) => hear[data.type](data as never)
  started.onerror = ({ message }) => fail('broken', `This browser cannot write: ${message}`)
  return started
}

function fail(code: FailureCode, reason: string): void {
  updateTurn(() => ({ voice: null }))
  update({ phase: 'failed', share: null, failure: { code, reason } })
}
