/**
 * Keeps the screen on, as long as somebody wants it: browsers let a lock go when the page is hidden
 * (Screen Wake Lock API, §10), so it is taken again when the page is seen.
 */
import { type ReadonlySignal, signal } from '@preact/signals'

/** What of the browser it needs. */
export interface Screen {
  request(): Promise<Pick<WakeLockSentinel, 'release' | 'addEventListener'>>
  isHidden(): boolean
  /** @returns what ends the listening */
  onSeen(listener: () => void): () => void
}

export interface ScreenLock {
  readonly isWanted: ReadonlySignal<boolean>
  toggle(): Promise<void>
  /** Lets the screen sleep, for good. */
  close(): Promise<void>
}

export function createScreenLock(screen: Screen): ScreenLock {
  const isWanted = signal(false)
  let held: Pick<WakeLockSentinel, 'release'> | null = null
  let isAsking = false

  async function take(): Promise<void> {
    if (!isWanted.value || held !== null || isAsking || screen.isHidden()) return
    isAsking = true
    const lock = await screen.request().catch(() => null)
    isAsking = false
    // Whoever is refused while the page is seen, as on a low battery, is not given it later.
    if (lock === null) isWanted.value &&= screen.isHidden()
    else if (isWanted.value) hold(lock)
    else await lock.release()
  }
  function hold(lock: Awaited<ReturnType<Screen['request']>>): void {
    held = lock
    lock.addEventListener('release', () => {
      held = null
      isWanted.value &&= screen.isHidden()
    })
  }
  async function letGo(): Promise<void> {
    isWanted.value = false
    await held?.release()
  }
  const stopListening = screen.onSeen(() => void take())
  return {
    isWanted,
    toggle: () => {
      if (isWanted.value) return letGo()
      isWanted.value = true
      return take()
    },
    close: () => {
      stopListening()
      return letGo()
    },
  }
}
