/** The way from this page to its run, and what the page's address says after its #. */
import { signal } from '@preact/signals'
import { AT, swarmAddress } from '../../network/link.ts'
import { RELAY_PATH } from '../../network/page-link.ts'
import { relayedAddress } from '../../network/relay-places.ts'
import { type Ask, askThrough, type Door } from '../tab/door.ts'

/** The words after the # of the address, such as `join=…`. */
export const words = new URLSearchParams(location.hash.slice(1))

const address = new URL('.', location.href).href
/** The coordinator that this page, which is a relay's, leads to; null: it is the run's own page. */
const at = words.get(AT)
const RETRY_MS = 2_000

/** Null until the relay has said who it is. */
export const door = signal<Door | null>(null)
const opened = Promise.withResolvers<Ask>()

/** Asks the run: like `fetch`, with paths below the page. */
export const ask: Ask = async (path, init) => (await opened.promise)(new URL(path, address), init)

/** This page's address with these words after its #. */
export function addressWith(more: string): string {
  return new URL(at === null ? `#${more}` : `#${AT}=${at}&${more}`, location.href).href
}

function open(found: Door): void {
  door.value = found
  opened.resolve(askThrough(found, () => door.value?.relayed ?? found.relayed))
}

/** A page that a relay serves goes on where the run is reached by other ways, too. */
export function hearAddresses(relayed: string[]): void {
  if (at !== null && door.value !== null) door.value = { ...door.value, relayed }
}

async function openRelayed(coordinator: string): Promise<void> {
  for (;;) {
    const answer = await fetch(RELAY_PATH).catch(() => null)
    const said = answer?.ok ? await answer.json().catch(() => null) : null
    if (typeof said?.relay === 'string') {
      const relay = swarmAddress(new URL(location.href), said.relay)
      return open({ address, relayed: [relayedAddress(relay, coordinator)] })
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

if (at === null) open({ address, relayed: [] })
else void openRelayed(at)
