/** A choice where the browser has it: the screen stays on, so that a phone does not fall asleep. */
import { useEffect, useMemo } from 'preact/hooks'
import { createScreenLock, type Screen } from './screen-lock.ts'

const SCREEN: Screen = {
  request: () => navigator.wakeLock.request('screen'),
  isHidden: () => document.hidden,
  onSeen: (listener) => {
    document.addEventListener('visibilitychange', listener)
    return () => document.removeEventListener('visibilitychange', listener)
  },
}

export function WakeLock() {
  const lock = useMemo(() => createScreenLock(SCREEN), [])
  useEffect(() => () => void lock.close(), [lock])
  if (!('wakeLock' in navigator)) return null
  const isOn = lock.isWanted.value
  return (
    <span>
      <button
        type="button"
        aria-pressed={isOn}
        aria-describedby="screen-cost"
        onClick={() => void lock.toggle()}
      >
        {isOn ? 'Let the screen sleep' : 'Keep the screen on'}
      </button>{' '}
      <span class="soft" id="screen-cost">
        It takes the power of a lit screen.
      </span>
    </span>
  )
}
