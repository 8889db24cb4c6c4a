/** A choice where the browser has it: the screen stays on, so that a phone does not fall asleep. */
import { useSignal } from '@preact/signals'

export function WakeLock() {
  const held = useSignal<WakeLockSentinel | null>(null)
  if (!('wakeLock' in navigator)) return null
  const toggle = async () => {
    if (held.value !== null) return void held.value.release()
    const lock = await navigator.wakeLock.request('screen').catch(() => null)
    held.value = lock
    lock?.addEventListener('release', () => {
      held.value = null
    })
  }
  return (
    <button type="button" aria-pressed={held.value !== null} onClick={toggle}>
      {held.value === null ? 'Keep the screen on' : 'Let the screen sleep'}
    </button>
  )
}
