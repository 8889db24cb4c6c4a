/** Base and adapter side by side: one prompt, two answers, written in this page. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Voice } from '../../tab/text-messages.ts'
import { byteSize } from '../figures.ts'
import { adaptersOf, chooseAdapter } from '../try-choice.ts'
import { tables, version } from './store.ts'
import './try.css'
import { TryForm } from './try-form.tsx'
import {
  close,
  open,
  plan,
  startAnew,
  type Trial,
  type Turn,
  trial,
  turns,
  wantedRound,
} from './try-store.ts'

export function TryPanel({ word, onClose }: { word: string; onClose(): void }) {
  const top = useRef<HTMLParagraphElement>(null)
  useEffect(() => {
    plan(word)
    // The button that brought us here is gone, and the focus with it.
    top.current?.focus()
    return close
  }, [word])
  const { phase, planned } = trial.value
  const isOpen = phase === 'ready' || phase === 'answering'
  return (
    <div class="try">
      <p ref={top} tabIndex={-1} role="status" class="doing">
        {statusWords(trial.value, turns.value[0])}
      </p>
      <Opening {...trial.value} word={word} />
      {isOpen && <TryForm />}
      {isOpen && <Adapter />}
      {turns.value.map((turn) => (
        <Answers key={turn.id} turn={turn} />
      ))}
      <div class="buttons">
        {turns.value.length > 0 && (
          <button type="button" disabled={phase === 'answering'} onClick={startAnew}>
            Start anew
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close, and free the memory
        </button>
      </div>
      {planned?.storage === 'forgotten' && (
        <p class="soft">This browser keeps no files here: the base comes again each time.</p>
      )}
    </div>
  )
}

const FAILURE_WORDS = {
  fetch: 'It could not be fetched',
  damaged: 'What came is not the model of this run',
  full: 'This browser has no room left',
  broken: 'It cannot go on',
}

const TALK_WORDS = 'Ask something: both answer in one talk, each going on with what it said.'
const TEXT_WORDS =
  'This base has no chat template: give it the beginning of a text, and both go on with it.'

function statusWords({ phase, share, failure, speaks }: Trial, turn: Turn | undefined): string {
  switch (phase) {
    case 'planning':
      return 'Asking what it takes…'
    case 'planned':
      return 'It waits for your word.'
    case 'opening':
      if (share === null) return 'Opening the model…'
      return `Fetching the model: ${byteSize(share.done)} of ${byteSize(share.total)}`
    case 'answering':
      if (turn?.voice == null) return 'Fetching the adapter…'
      return turn.voice === 'base' ? 'The base writes…' : 'The adapter writes…'
    case 'ready':
      if (turn !== undefined)
        return turn.round === null ? 'The base has answered.' : 'Both have answered.'
      return speaks === 'talk' ? TALK_WORDS : TEXT_WORDS
    case 'failed':
      return `${FAILURE_WORDS[failure!.code]}: ${failure!.reason}`
  }
}

/** What it takes, and what is to be decided before it begins. */
function Opening({ phase, planned, share, word }: Trial & { word: string }) {
  if (phase === 'failed') {
    return (
      <button type="button" onClick={() => plan(word)}>
        Try again
      </button>
    )
  }
  if (phase === 'opening') {
    const { done, total } = share ?? { done: 1, total: 1 }
    return <progress aria-label="Of the model that is fetched" max={total} value={done} />
  }
  if (phase !== 'planned' || planned === null) return null
  const { fetchBytes, memory } = planned
  return (
    <>
      <p>
        {fetchBytes === 0
          ? 'The model is here already.'
          : `${byteSize(fetchBytes)} of the model are fetched, once.`}{' '}
        It takes {byteSize(memory.bytes)} of memory.
      </p>
      {memory.status !== 'fits' && (
        <p class="note" role="alert">
          {memory.reason}.
        </p>
      )}
      {memory.status !== 'too-large' && (
        <button type="button" class="main" onClick={open}>
          {memory.status === 'tight' ? 'Open it anyway' : 'Fetch and open it'}
        </button>
      )}
    </>
  )
}

/** Which adapter answers; a talk goes on with the one that it began with. */
function Adapter() {
  version.value
  const rounds = tables.rounds.values()
  const adapters = adaptersOf(rounds)
  const choice = chooseAdapter(tables.rounds.values(), wantedRound.value)
  if (choice.status === 'no-adapter') {
    return (
      <p class="note" data-code={choice.status}>
        {choice.reason}
      </p>
    )
  }
  const [newest] = adapters
  return (
    <label class="adapter">
      Adapter
      <select
        disabled={trial.value.phase === 'answering'}
        value={wantedRound.value ?? ''}
        onChange={({ currentTarget: { value } }) => {
          wantedRound.value = value === '' ? null : Number(value)
          startAnew()
        }}
      >
        <option value="">the newest, of round {newest!.round}</option>
        {adapters.map(({ round }) => (
          <option key={round} value={round}>
            of round {round}
          </option>
        ))}
      </select>
    </label>
  )
}

function Answers({ turn }: { turn: Turn }) {
  const id = `turn-${turn.id}`
  const voices: [Voice, string][] = [['base', 'base']]
  if (turn.round !== null) voices.push(['adapter', `adapter of round ${turn.round}`])
  return (
    <section class="turn" aria-labelledby={id}>
      <h3 id={id}>{turn.prompt}</h3>
      <div class="answers">
        {voices.map(([voice, name]) => (
          <Answer key={voice} name={name} text={turn.texts[voice]} isAtIt={turn.voice === voice} />
        ))}
      </div>
    </section>
  )
}

function Answer({ name, text, isAtIt }: { name: string; text: string; isAtIt: boolean }) {
  const copied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = true
  }
  return (
    <section class="answer" aria-label={name} aria-busy={isAtIt}>
      <h4>{name}</h4>
      <p class={isAtIt ? 'text writing' : 'text'}>{text}</p>
      {!isAtIt && text !== '' && isSecureContext && (
        <button type="button" aria-label={`Copy what the ${name} wrote`} onClick={copy}>
          {copied.value ? 'Copied' : 'Copy'}
        </button>
      )}
    </section>
  )
}
