/**
 * Keeps the files of one build of the page, so that it opens where nobody answers. Each build has a
 * service worker of its own, which removes what others kept. It keeps nothing of a run.
 */
import { answererOf, CACHE_PREFIX, isHostAway, PAGE } from './answerer.ts'

declare const self: ServiceWorkerGlobalScope
/** The names of the built files but the page's, and what tells this build from others. */
declare const __SHELL__: { version: string; files: string[] }

const CACHE = CACHE_PREFIX + __SHELL__.version
const files = new Set(__SHELL__.files)
/** Whoever opens the page waits no longer than this for its server. */
const PAGE_MS_MAX = 3_000

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE)
  await cache.addAll([PAGE, ...files])
}

async function removeOthers(): Promise<void> {
  const names = await caches.keys()
  const others = names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE)
  await Promise.all(others.map((name) => caches.delete(name)))
}

async function answer(request: Request): Promise<Response> {
  const kept = await caches.match(request, { cacheName: CACHE })
  return kept ?? fetch(request)
}

async function answerPage(request: Request): Promise<Response> {
  const asked = fetch(request)
  const late = new Promise<null>((resolve) => setTimeout(resolve, PAGE_MS_MAX, null))
  const soon = await Promise.race([asked.catch(() => null), late])
  if (soon !== null && !isHostAway(soon.status)) return soon
  const kept = await caches.match(PAGE, { cacheName: CACHE })
  return kept ?? asked
}

self.addEventListener('install', (event) => {
  // A page asks its server for its version before it shows a run, so no old one has to end first.
  void self.skipWaiting()
  event.waitUntil(keep())
})

self.addEventListener('activate', (event) => {
  event.waitUntil(removeOthers().then(() => self.clients.claim()))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const { method, mode, url, headers } = request
  const asked = { method, mode, url, hasRange: headers.has('Range') }
  switch (answererOf(asked, self.registration.scope, files)) {
    case 'network-then-kept':
      return event.respondWith(answerPage(request))
    case 'kept':
      return event.respondWith(answer(request))
    case 'network':
      return
  }
})
