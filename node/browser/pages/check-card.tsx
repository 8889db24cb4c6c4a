/** Check it yourself: this tab merges every round again, and trains some steps again. */
import { useSignal } from '@preact/signals'
import { missingFeature } from '../../../kernels/index.ts'
import { COMMAND } from '../../command.ts'
import { byteSize, duration } from '../../history/figures.ts'
import type { Verification, VerifyProgress } from '../../run/verify.ts'
import { type CheckedPlace, type Check as CheckState, check, startCheck } from './check-store.ts'
import './check.css'

const STEPS = 8
const STEPS_MAX = 512

export interface CheckProps extends CheckedPlace {
  /** What has to be fetched at most; null: it is not known. */
  bytes: number | null
}

export function Check({ bytes, ...place }: CheckProps) {
  const steps = useSignal(STEPS)
  const state = check.value
  const missing = missingFeature()
  return (
    <section class="card wide check" aria-labelledby="check">
      <h2 id="check">Check it yourself</h2>
      <p>
        Trust nobody: this tab merges every round again from what the volunteers sent, and trains
        some of their steps again. What comes out must be equal, bit for bit.
        {bytes !== null && ` For that it fetches up to ${byteSize(bytes)}.`}
      </p>
      {missing !== null && (
        <p class="note" role="alert">
          This browser has no {missing}, which the numbers need.
        </p>
      )}
      <div class="fields">
        <label>
          steps to train again
          <input
            type="number"
            min={0}
            max={STEPS_MAX}
            value={steps.value}
            onInput={({ currentTarget }) => {
              steps.value = currentTarget.valueAsNumber
            }}
          />
        </label>
        <button
          type="button"
          class="main"
          disabled={missing !== null || state.stage === 'checking' || !isCount(steps.value)}
          onClick={() => startCheck(place, steps.value)}
        >
          {state.stage === 'done' || state.stage === 'failed' ? 'Check again' : 'Check it yourself'}
        </button>
      </div>
      <div role="status">
        <Result {...state} />
      </div>
      <Command {...place} />
    </section>
  )
}

const isCount = (value: number) => Number.isInteger(value) && value >= 0 && value <= STEPS_MAX

function Result(state: CheckState) {
  switch (state.stage) {
    case 'idle':
      return null
    case 'checking':
      return <Progress progress={state.progress} bytes={state.bytes} />
    case 'failed':
      return <p class="note">It could not be checked: {state.reason}</p>
    case 'done':
      return <Verdict verification={state.verification} ms={state.ms} />
  }
}

function Progress({ progress, bytes }: { progress: VerifyProgress | null; bytes: number }) {
  return (
    <>
      <progress aria-label="Share of the check that is done" max={1} value={shareOf(progress)} />
      <p class="soft doing">
        {wordsOf(progress)} · {byteSize(bytes)} fetched
      </p>
    </>
  )
}

function shareOf(progress: VerifyProgress | null): number {
  if (progress === null || progress.type === 'reading') return 0
  const { rounds, roundsTotal, replayedSteps, stepsTotal } = progress
  return (rounds + replayedSteps) / Math.max(1, roundsTotal + stepsTotal)
}

function wordsOf(progress: VerifyProgress | null): string {
  if (progress === null) return 'Fetching the table of contents'
  if (progress.type === 'reading') return `Reading the journal: ${progress.entries} entries`
  const { rounds, roundsTotal, replayedSteps, stepsTotal } = progress
  const merged = `${rounds} of ${roundsTotal} rounds merged again`
  return `${merged}, ${replayedSteps} of ${stepsTotal} steps trained again`
}

function Verdict({ verification, ms }: { verification: Verification; ms: number }) {
  const { ok, adapterSha256, rounds, replayedSteps, signatures } = verification
  const rows: [string, string][] = [
    ['adapter, SHA-256', adapterSha256 ?? 'none'],
    ['rounds merged again', String(rounds)],
    ['steps trained again', replayedSteps === 0 ? 'none' : `${replayedSteps}, all equal`],
    ['signed contributions', String(signatures)],
    ['run', verification.runId ?? 'unknown'],
    ['coordinator', verification.coordinator ?? 'unknown'],
    ['it took', ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms)],
  ]
  return (
    <>
      <p class={ok ? 'verdict fits' : 'verdict note'}>{verdictOf(verification)}</p>
      <dl class="found">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>What was not checked</summary>
        <ul>
          {verification.notChecked.map((gap) => (
            <li key={gap}>{gap}</li>
          ))}
        </ul>
      </details>
    </>
  )
}

function verdictOf({ ok, mismatches: [first] }: Verification): string {
  if (ok) return 'It fits: the adapter follows from the run, bit for bit.'
  if (first !== undefined) return `It does not fit. ${first.record}: ${first.reason}`
  return 'There is nothing to verify yet: the run has no round that its coordinator has signed.'
}

/** Whoever doubts the page as well. */
function Command({ door, folder, word, trusted }: CheckedPlace) {
  if (word !== null) return null
  const { run, coordinator } = trusted
  const address = door.address + folder
  const known = `--run ${run ?? 'RUNID'} --coordinator ${coordinator ?? 'PEER'}`
  return (
    <details>
      <summary>Who doubts this page, too, checks with Barnraise in a terminal</summary>
      <code class="command">{`${COMMAND} verify ${address} ${known} --sample 5%`}</code>
    </details>
  )
}
