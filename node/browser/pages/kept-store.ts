/** What this browser keeps of a run, one for an origin. Pages over plain http keep nothing. */
import { signal } from '@preact/signals'
import { type KeptRun, parseKept } from './kept-run.ts'

const KEY = 'barnraise.run'

export const kept = signal(read())

function read(): KeptRun | null {
  try {
    return isSecureContext ? parseKept(localStorage.getItem(KEY)) : null
  } catch {
    return null
  }
}

// Another tab may have stopped, or forgotten the run.
addEventListener('storage', () => {
  kept.value = read()
})

export function keep(run: KeptRun): void {
  if (!isSecureContext) return
  try {
    localStorage.setItem(KEY, JSON.stringify(run))
    kept.value = run
  } catch {
    // The link is needed again the next time.
  }
}

/** Opens the page anew, and its address has no words any more. */
export function forget(): void {
  localStorage.removeItem(KEY)
  location.replace(new URL('.', location.href))
}
