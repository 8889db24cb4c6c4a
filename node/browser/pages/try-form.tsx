/** The prompt, and how it is answered. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ask, draft, stopWriting, trial } from './try-store.ts'

const PROMPT_LENGTH_MAX = 8_000
const TOKENS = { least: 1, most: 1024, first: 64 }
const TEMPERATURE = { least: 0, most: 2, first: 0.8 }
const SEED = { least: 0, most: 2 ** 31 - 1, first: 1 }
/** The commands cut alike. */
const CUT = { topK: 0, topP: 0.95 }

export function TryForm() {
  const tokens = useSignal(TOKENS.first)
  const temperature = useSignal(TEMPERATURE.first)
  const seed = useSignal(SEED.first)
  const box = useRef<HTMLTextAreaElement>(null)
  const { stage, speaks } = trial.value
  const isAnswering = stage === 'answering'
  useEffect(() => box.current?.focus(), [])
  const send = () => {
    if (isAnswering || draft.value.trim() === '') return
    const sampling = { temperature: temperature.value, ...CUT }
    ask({ tokensMax: tokens.value, seed: seed.value, sampling })
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <label class="prompt">
        {speaks === 'talk' ? 'What you say' : 'How the text begins'}
        <textarea
          ref={box}
          rows={3}
          maxLength={PROMPT_LENGTH_MAX}
          value={draft.value}
          aria-describedby="try-keys"
          onInput={({ currentTarget }) => {
            draft.value = currentTarget.value
          }}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && isAnswering) stopWriting()
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            send()
          }}
        />
      </label>
      <p id="try-keys" class="soft">
        Enter sends, Shift and Enter begins a new line, Escape stops the answers.
      </p>
      <div class="buttons">
        <button type="submit" class="main" disabled={isAnswering}>
          Ask
        </button>
        <button type="button" disabled={!isAnswering} onClick={stopWriting}>
          Stop
        </button>
      </div>
      <details>
        <summary>How it is written</summary>
        <div class="fields">
          <Amount text="Tokens at most" value={tokens} range={TOKENS} step={1} />
          <Amount
            text="Temperature (0: always the likeliest)"
            value={temperature}
            range={TEMPERATURE}
            step={0.1}
          />
          <Amount text="Seed (the same: the same text)" value={seed} range={SEED} step={1} />
        </div>
      </details>
    </form>
  )
}

interface AmountProps {
  text: string
  value: Signal<number>
  range: { least: number; most: number }
  step: number
}

function Amount({ text, value, range, step }: AmountProps) {
  return (
    <label>
      {text}
      <input
        type="number"
        min={range.least}
        max={range.most}
        step={step}
        value={value.value}
        onInput={({ currentTarget }) => {
          const { valueAsNumber, validity } = currentTarget
          if (validity.valid && !Number.isNaN(valueAsNumber)) value.value = valueAsNumber
        }}
      />
    </label>
  )
}
