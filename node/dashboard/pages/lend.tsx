/** Lend this tab: one button, what it does, why it pauses, what it may take. */
import { useSignal } from '@preact/signals'
import type { PauseReason, Wishes } from '../../guest/governor.ts'
import { byteSize, compact } from '../figures.ts'
import {
  capabilities,
  erase,
  keptBytes,
  type Lent,
  leave,
  lend,
  lent,
  OTHERS_SHARE_MAX,
  ownRow,
  readings,
  reasons,
  wishes,
} from './lend-store.ts'
import { version } from './store.ts'
import { WakeLock } from './wake-lock.tsx'

const REASON_WORDS: Record<PauseReason, string> = {
  asked: 'you paused it',
  hours: 'it is not the time',
  hidden: 'this tab is hidden',
  battery: 'this machine runs on its battery',
  busy: 'something else needs this machine',
  hot: 'this machine is hot',
  'data-cap': 'the data that you allowed is used up',
}

const MEGABYTE = 1e6

export function Lend() {
  const { phase } = lent.value
  return (
    <section class="card lend" aria-labelledby="lend">
      <h2 id="lend">Train in this tab</h2>
      {phase === 'idle' || phase === 'ended' ? <Offer {...lent.value} /> : <Work {...lent.value} />}
      <Switches />
      <Kept />
    </section>
  )
}

function Offer({ phase, reason, steps }: Lent) {
  const able = capabilities()
  const name = useSignal('')
  const threads = useSignal(able.threads)
  const memory = useSignal(able.memoryMegabytes)
  const start = () =>
    lend({
      name: name.value.trim() || 'a browser',
      threads: threads.value,
      memoryBytesMax: memory.value * MEGABYTE,
    })
  return (
    <>
      <p>
        Your browser trains a small part of this model, and hands in the result. Nothing is
        installed, nothing of yours is read; close the tab whenever you like.
      </p>
      {phase === 'ended' && (
        <p role="status">
          {reason} {steps > 0 && `This tab trained ${steps} steps.`}
        </p>
      )}
      {able.missing !== null && <p class="note">{able.missing}</p>}
      <div class="fields">
        <label>
          Your name, for the list
          <input
            type="text"
            maxLength={64}
            placeholder="a browser"
            onInput={({ currentTarget }) => {
              name.value = currentTarget.value
            }}
          />
        </label>
        <Amount text="Cores" value={threads} max={able.threadsMax} step={1} />
        <Amount text="Memory, MB" value={memory} max={4096} step={128} />
      </div>
      <button type="button" class="main" onClick={start}>
        {phase === 'ended' ? 'Train again' : 'Start training'}
      </button>
    </>
  )
}

interface AmountProps {
  text: string
  value: { value: number }
  max: number
  step: number
}

function Amount({ text, value, max, step }: AmountProps) {
  return (
    <label>
      {text}
      <input
        type="number"
        {...{ min: step, max, step }}
        value={value.value}
        onInput={({ currentTarget }) => {
          const { valueAsNumber } = currentTarget
          if (currentTarget.validity.valid && valueAsNumber > 0) value.value = valueAsNumber
        }}
      />
    </label>
  )
}

function Work({ phase, doing, share, steps, loss, stepMs }: Lent) {
  version.value
  const against = reasons.value
  const isPaused = against.length > 0 && phase === 'working'
  const counted = ownRow()?.countedTokens ?? 0
  const set = (part: Partial<Wishes>) => {
    wishes.value = { ...wishes.value, ...part }
  }
  return (
    <>
      <p role="status" class="doing">
        {isPaused ? `Paused: ${against.map((name) => REASON_WORDS[name]).join(', ')}.` : doing}
      </p>
      <progress aria-label="Of what is on its way" max={1} value={share ?? (isPaused ? 0 : 1)} />
      <dl class="tiles">
        <div>
          <dt>steps here</dt>
          <dd>{steps}</dd>
        </div>
        <div>
          <dt>loss</dt>
          <dd>{loss === null ? '–' : loss.toFixed(3)}</dd>
        </div>
        <div>
          <dt>a step takes</dt>
          <dd>{stepMs === null ? '–' : `${Math.round(stepMs)} ms`}</dd>
        </div>
        <div>
          <dt>tokens counted</dt>
          <dd>{compact(counted)}</dd>
        </div>
        <div>
          <dt>data moved</dt>
          <dd>{byteSize(readings.value.bytes)}</dd>
        </div>
      </dl>
      <div class="buttons">
        <button
          type="button"
          disabled={phase !== 'working'}
          onClick={() => set({ isPaused: !wishes.value.isPaused })}
        >
          {wishes.value.isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" disabled={phase !== 'working'} onClick={leave}>
          Hand in and stop
        </button>
        <WakeLock />
      </div>
    </>
  )
}

/** Each thing that pauses, and whether it may. */
function Switches() {
  const set = (part: Partial<Wishes>) => {
    wishes.value = { ...wishes.value, ...part }
  }
  const { pauseHidden, pauseOnBattery, othersShareMax, bytesMax } = wishes.value
  const { isOnBattery } = readings.value
  return (
    <fieldset class="switches">
      <legend>Pause</legend>
      <Switch isOn={pauseHidden} onChange={(on) => set({ pauseHidden: on })}>
        while this tab is hidden
      </Switch>
      <Switch isOn={pauseOnBattery} onChange={(on) => set({ pauseOnBattery: on })}>
        on battery{isOnBattery === null && ' (this browser does not tell)'}
      </Switch>
      <Switch
        isOn={othersShareMax !== null}
        onChange={(on) => set({ othersShareMax: on ? OTHERS_SHARE_MAX : null })}
      >
        while something else needs the machine
      </Switch>
      <label>
        after moving{' '}
        <input
          type="number"
          min={1}
          placeholder="no limit"
          value={bytesMax === null ? '' : bytesMax / MEGABYTE}
          onInput={({ currentTarget: { valueAsNumber } }) =>
            set({ bytesMax: valueAsNumber > 0 ? valueAsNumber * MEGABYTE : null })
          }
        />{' '}
        MB
      </label>
    </fieldset>
  )
}

interface SwitchProps {
  isOn: boolean
  onChange(isOn: boolean): void
  children: preact.ComponentChildren
}

function Switch({ isOn, onChange, children }: SwitchProps) {
  return (
    <label>
      <input
        type="checkbox"
        checked={isOn}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />{' '}
      {children}
    </label>
  )
}

function Kept() {
  const bytes = keptBytes.value
  const { phase, storage } = lent.value
  if (storage === 'forgotten') {
    return (
      <p class="soft">This browser keeps no files here: the base model comes again each time.</p>
    )
  }
  if (bytes === null || bytes === 0) return null
  return (
    <p class="soft">
      This browser keeps {byteSize(bytes)} of model and data for the next time.{' '}
      <button type="button" disabled={phase === 'working'} onClick={erase}>
        Forget it
      </button>
    </p>
  )
}
