/** The page as an app: whether it is one, how it becomes one, and that it opens offline. */
import { signal } from '@preact/signals'
import { CACHE_PREFIX } from '../app/answerer.ts'
import { kept } from './kept-store.ts'

/** Source: W3C, Manifest Incubations, §2 (BeforeInstallPromptEvent), which some browsers have. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>
}

/** It was opened by its icon, and has a window of its own. */
export const isApp = matchMedia('(display-mode: standalone)').matches

/** What installs this page; null: the browser does not offer it. */
export const installPrompt = signal<InstallPrompt | null>(null)

addEventListener('beforeinstallprompt', (event) => {
  // The page offers it where it is of use, in its own words.
  event.preventDefault()
  installPrompt.value = event as InstallPrompt
})
addEventListener('appinstalled', () => {
  installPrompt.value = null
  keepShell()
})

/** It can be asked once. */
export function install(): void {
  void installPrompt.value?.prompt().catch(() => {})
  installPrompt.value = null
}

/** Keeps the files of the page, so that it opens where nobody answers. */
export function keepShell(): void {
  // Only secure contexts have it, whatever the types say; private windows refuse it.
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  workers?.register('service-worker.js').catch(() => {})
}

/** Leaves nothing of the page where it is no app: an app opens where nobody answers. */
export async function dropShell(): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined
  if (isApp || workers === undefined) return
  const registration = await workers.getRegistration()
  await registration?.unregister()
  const names = await caches.keys()
  const shells = names.filter((name) => name.startsWith(CACHE_PREFIX))
  await Promise.all(shells.map((name) => caches.delete(name)))
}

// Whoever only looks leaves nothing in the browser.
if (isApp || kept.value !== null) keepShell()
