/** What this device keeps: the link, for as long as its owner wants, and the page as an app. */
import { dropShell, install, installPrompt, isApp } from './installed.ts'
import { forget } from './kept-store.ts'
import { keptOfRun, lent } from './lend-store.ts'

export function Device() {
  if (keptOfRun.value === null) return null
  return (
    <section class="card device" aria-labelledby="device">
      <h2 id="device">On this device</h2>
      {installPrompt.value !== null && (
        <p>
          As an app this page has an icon of its own, opens also while nobody answers, and goes on
          training by itself.{' '}
          <button type="button" onClick={install}>
            Install
          </button>
        </p>
      )}
      <Forget />
    </section>
  )
}

/** Nobody wants to leave the link on somebody else's computer. */
export function Forget() {
  if (keptOfRun.value === null) return null
  const { stage } = lent.value
  const isIdle = stage === 'idle' || stage === 'ended'
  return (
    <p class="soft">
      This {isApp ? 'app' : 'browser'} keeps the link to the run that it trained for last: whoever
      opens this address here may join.{' '}
      <button
        type="button"
        disabled={!isIdle}
        onClick={() =>
          void dropShell()
            .catch(() => {})
            .finally(forget)
        }
      >
        Forget this run
      </button>
    </p>
  )
}
