/** Lend this tab: one button, what it does, why it pauses, what it may take. */
import type { PauseReason, Preferences } from '../../guest/governor.ts'
import { byteSize, compact } from '../../history/figures.ts'
import { type Choice, NAME_LENGTH_MAX } from './kept-run.ts'
import {
  capabilities,
  choice,
  erase,
  finish,
  goesOn,
  keptBytes,
  type Lent,
  leave,
  lend,
  lent,
  MEGABYTE,
  OTHERS_SHARE_MAX,
  ownRow,
  preferences,
  readings,
  reasons,
} from './lend-store.ts'
import { tables, version } from './store.ts'
import { WakeLock } from './wake-lock.tsx'
import { namesakesAmong, Who } from './who.tsx'

const REASON_WORDS: Record<PauseReason, string> = {
  asked: 'you paused it',
  hours: 'it is not the time',
  hidden: 'this tab is hidden',
  battery: 'this machine runs on its battery',
  busy: 'something else needs this machine',
  hot: 'this machine is hot',
  'data-cap': 'the data that you allowed is used up',
}

export function Lend() {
  const { stage } = lent.value
  const { obstacle } = capabilities
  if (obstacle !== null) {
    return (
      <section class="card lend" aria-labelledby="lend">
        <h2 id="lend">Train in this tab</h2>
        <p class="note" role="alert">
          {obstacle}
        </p>
      </section>
    )
  }
  return (
    <section class="card lend" aria-labelledby="lend">
      <h2 id="lend">Train in this tab</h2>
      {stage === 'idle' || stage === 'ended' ? <Offer {...lent.value} /> : <Work {...lent.value} />}
      <Switches />
      <Kept />
    </section>
  )
}

function Offer({ stage, reason, steps }: Lent) {
  const isIdle = stage === 'idle'
  const start = () => {
    preferences.value = { ...preferences.value, isPaused: false }
    lend()
  }
  const choose = (part: Partial<Choice>) => {
    choice.value = { ...choice.value, ...part }
  }
  return (
    <>
      <p>
        Your browser trains a small part of this model, and hands in the result. Nothing is
        installed, nothing of yours is read; close the tab whenever you like.
      </p>
      {isIdle ? (
        goesOn && <p>This browser has trained here, and nobody stopped it.</p>
      ) : (
        <p role="status">
          {reason} {steps > 0 && `This tab trained ${steps} steps.`}
        </p>
      )}
      <Download />
      {capabilities.hint !== null && <p class="note">{capabilities.hint}</p>}
      <div class="fields">
        <label>
          Your name, for the list
          <input
            type="text"
            maxLength={NAME_LENGTH_MAX}
            placeholder="a browser"
            value={choice.value.name}
            onInput={({ currentTarget }) => choose({ name: currentTarget.value })}
          />
        </label>
        <Amount
          text="Cores"
          value={choice.value.threads}
          max={capabilities.threadsMax}
          step={1}
          onChange={(threads) => choose({ threads })}
        />
        <Amount
          text="Memory, MB"
          value={choice.value.memoryMegabytes}
          max={4096}
          step={128}
          onChange={(memoryMegabytes) => choose({ memoryMegabytes })}
        />
      </div>
      <button type="button" class="main" onClick={start}>
        {isIdle ? (goesOn ? 'Go on training' : 'Start training') : 'Train again'}
      </button>
    </>
  )
}

/** What comes before the first step, so that nobody on a metered line is surprised. */
function Download() {
  version.value
  const { run } = tables
  if (run === null) return null
  const kept = lent.value.storage === 'forgotten' ? 'each time' : 'once, and kept for the next time'
  return (
    <p>
      First it fetches the base model, {byteSize(run.baseBytes)}, {kept}; then a little data for
      each round.
    </p>
  )
}

interface AmountProps {
  text: string
  value: number
  max: number
  step: number
  onChange(value: number): void
}

function Amount({ text, value, max, step, onChange }: AmountProps) {
  return (
    <label>
      {text}
      <input
        type="number"
        min={step}
        max={max}
        step={step}
        value={value}
        onInput={({ currentTarget }) => {
          const { valueAsNumber } = currentTarget
          if (currentTarget.validity.valid && valueAsNumber > 0) onChange(valueAsNumber)
        }}
      />
    </label>
  )
}

function Work({ stage, doing, share, steps, loss, stepMs }: Lent) {
  version.value
  const against = reasons.value
  const isPaused = against.length > 0 && stage === 'working'
  const credit = ownRow()?.credit
  const set = (part: Partial<Preferences>) => {
    preferences.value = { ...preferences.value, ...part }
  }
  return (
    <>
      <p role="status" class="doing">
        {isPaused ? `Paused: ${against.map((name) => REASON_WORDS[name]).join(', ')}.` : doing}
      </p>
      <progress aria-label="Of what is on its way" max={1} value={share ?? (isPaused ? 0 : 1)} />
      <Listed />
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
          <dd>{compact(credit?.tokens ?? 0)}</dd>
        </div>
        <div>
          <dt>batches counted</dt>
          <dd>{credit?.batches ?? 0}</dd>
        </div>
        <div>
          <dt>data moved</dt>
          <dd>{byteSize(readings.value.bytes)}</dd>
        </div>
      </dl>
      <div class="buttons">
        <button
          type="button"
          disabled={stage !== 'working'}
          onClick={() => set({ isPaused: !preferences.value.isPaused })}
        >
          {preferences.value.isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" disabled={stage !== 'working'} onClick={finish}>
          Finish this lease, then stop
        </button>
        <button
          type="button"
          disabled={stage !== 'working' && stage !== 'finishing'}
          onClick={leave}
        >
          Hand in and stop
        </button>
        <WakeLock />
      </div>
    </>
  )
}

/** How the others see this tab. */
function Listed() {
  version.value
  const row = ownRow()
  if (row === undefined) return null
  const hasNamesake = namesakesAmong(tables.peers.values()).has(row.name)
  return (
    <p>
      In the list this tab is <Who peer={row.peer} name={row.name} hasNamesake={hasNamesake} />
    </p>
  )
}

/** Each thing that pauses, and whether it may. */
function Switches() {
  const set = (part: Partial<Preferences>) => {
    preferences.value = { ...preferences.value, ...part }
  }
  const { pauseHidden, pauseOnBattery, othersShareMax, bytesMax } = preferences.value
  const { isOnBattery } = readings.value
  return (
    <fieldset class="switches">
      <legend>Pause</legend>
      <Switch isOn={pauseHidden} onChange={(on) => set({ pauseHidden: on })}>
        while this tab is hidden
      </Switch>
      <span class="soft">
        A hidden tab goes on: in Chromium it did 0.81 to 1.0 of the steps of one that was seen;
        other browsers may stop it.
      </span>
      {isOnBattery !== null && (
        <Switch isOn={pauseOnBattery} onChange={(on) => set({ pauseOnBattery: on })}>
          on battery
        </Switch>
      )}
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
  const { stage, storage } = lent.value
  if (storage === 'forgotten') {
    return (
      <p class="soft">This browser keeps no files here: the base model comes again each time.</p>
    )
  }
  if (bytes === null || bytes === 0) return null
  return (
    <p class="soft">
      This browser keeps {byteSize(bytes)} of model and data for the next time.{' '}
      <button type="button" disabled={stage === 'working'} onClick={erase}>
        Forget it
      </button>
    </p>
  )
}
