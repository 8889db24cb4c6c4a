/** The model by round, side by side: one prompt, an answer of each, written in this page. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { byteSize } from '../../history/figures.ts'
import './try.css'
import { TryForm } from './try-form.tsx'
import {
  type Answer,
  close,
  open,
  plan,
  startAnew,
  type Trial,
  type Turn,
  trial,
  turns,
} from './try-store.ts'
import { nameOf, Voices } from './try-voices.tsx'

export function TryPanel({ word, onClose }: { word: string; onClose(): void }) {
  const top = useRef<HTMLParagraphElement>(null)
  useEffect(() => {
    plan(word)
    // The button that brought us here is gone, and the focus with it.
    top.current?.focus()
    return close
  }, [word])
  const { stage, planned, failure } = trial.value
  const isOpen = stage === 'ready' || stage === 'answering'
  return (
    <div class="try">
      <p ref={top} tabIndex={-1} role="status" class="doing">
        {statusWords(trial.value, turns.value[0])}
      </p>
      <Opening {...trial.value} word={word} />
      {isOpen && failure !== null && (
        <p class="note" role="alert">
          {failureWords(failure)} The model is still open: ask again when it answers.
        </p>
      )}
      {isOpen && <TryForm />}
      {isOpen && <Voices />}
      {turns.value.map((turn) => (
        <Answers key={turn.id} turn={turn} />
      ))}
      <div class="buttons">
        {turns.value.length > 0 && (
          <button type="button" disabled={stage === 'answering'} onClick={startAnew}>
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

const failureWords = ({ code, reason }: NonNullable<Trial['failure']>): string =>
  `${FAILURE_WORDS[code]}: ${reason}.`

const TALK_WORDS = 'Ask something: each answers in a talk of its own, going on with what it said.'
const TEXT_WORDS =
  'This base has no chat template: give it the beginning of a text, and each goes on with it.'

function statusWords({ stage, share, failure, speaks }: Trial, turn: Turn | undefined): string {
  switch (stage) {
    case 'planning':
      return 'Asking what it takes…'
    case 'planned':
      return 'Nothing is fetched before you say so.'
    case 'opening':
      if (share === null) return 'Opening the model…'
      return `Fetching the model: ${byteSize(share.done)} of ${byteSize(share.total)}`
    case 'answering':
      return turn?.at == null ? 'Fetching the adapters…' : `The ${nameOf(turn.at)} writes…`
    case 'ready':
      if (turn === undefined) return speaks === 'talk' ? TALK_WORDS : TEXT_WORDS
      if (turn.answers.length > 2) return 'All have answered.'
      if (turn.answers.length === 2) return 'Both have answered.'
      return `The ${nameOf(turn.answers[0]!.round)} has answered.`
    case 'failed':
      return failureWords(failure!)
  }
}

/** What it takes, and what is to be decided before it begins. */
function Opening({ stage, planned, share, word }: Trial & { word: string }) {
  if (stage === 'failed') {
    return (
      <button type="button" onClick={() => plan(word)}>
        Try again
      </button>
    )
  }
  if (stage === 'opening') {
    const { done, total } = share ?? { done: 1, total: 1 }
    return <progress aria-label="Of the model that is fetched" max={total} value={done} />
  }
  if (stage !== 'planned' || planned === null) return null
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

function Answers({ turn }: { turn: Turn }) {
  const id = `turn-${turn.id}`
  return (
    <article class="turn" aria-labelledby={id}>
      <h3 id={id}>{turn.prompt}</h3>
      <div class="answers">
        {turn.answers.map((answer) => (
          <Written key={answer.round} turn={turn} {...answer} />
        ))}
      </div>
    </article>
  )
}

function Written({ turn, round, text, speed }: Answer & { turn: Turn }) {
  const copied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = true
  }
  const name = nameOf(round)
  const isAtIt = turn.at === round
  return (
    <article class="answer" aria-label={`${name}, answer ${turn.id}`} aria-busy={isAtIt}>
      <h4>{name}</h4>
      <p class={isAtIt ? 'text writing' : 'text'}>{text}</p>
      <p class="soft">{speed === null ? '' : `${speed.toFixed(1)} tokens/s`}</p>
      {!isAtIt && text !== '' && isSecureContext && (
        <button type="button" aria-label={`Copy answer ${turn.id} of the ${name}`} onClick={copy}>
          {copied.value ? 'Copied' : 'Copy'}
        </button>
      )}
    </article>
  )
}
