/** Whether this page is the one that its server has: it may be one that the browser kept. */
import { signal } from '@preact/signals'
import { ANSWER_MS_MAX } from './door.ts'

/** The server has another version of this page. */
export const isOutdated = signal(false)

/** It is for this version that the tab has loaded the page anew by itself. */
const RELOADED_KEY = 'barnraise.reloaded'

/** The file that the page runs: its name changes with what is in it, and in all that it loads. */
const ownScript = new URL(
  document.querySelector<HTMLScriptElement>('script[type=module]')!.src,
).pathname
  .split('/')
  .at(-1)!

/**
 * Asks the server which version it has, where this page may be a kept one.
 * @param mayReload nothing is shown yet that would be lost: the page loads the other version, once
 * @throws Error when nobody answers
 */
export async function checkVersion(mayReload: boolean): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  if (!workers?.controller) return
  const answer = await fetch('.', { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
  if (!answer.ok) throw new Error(`The page is answered ${answer.status}`)
  isOutdated.value = !(await answer.text()).includes(ownScript)
  if (!isOutdated.value || !mayReload) return
  // A server that is slow each time would be given up for the kept page each time.
  if (sessionStorage.getItem(RELOADED_KEY) === ownScript) return
  sessionStorage.setItem(RELOADED_KEY, ownScript)
  location.reload()
  await new Promise(() => {})
}
