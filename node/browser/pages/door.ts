/** The way from this page to its run, and the words that lead there. */
import { signal } from '@preact/signals'
import { AT, swarmAddress } from '../../network/link.ts'
import { RELAY_PATH } from '../../network/page-link.ts'
import { relayedAddress } from '../../network/relay-places.ts'
import { type Ask, askThrough, type Door } from '../tab/door.ts'
import { kept } from './kept-store.ts'

const given = location.hash.slice(1)
/** The address has no words, and this browser keeps some. */
export const areWordsKept = given === '' && kept.value !== null
/** The words after the # of the address, such as `join=…`, or those that are kept. */
export const words = new URLSearchParams(given === '' ? (kept.value?.words ?? '') : given)

/** A server that is silent for so long does not answer. */
export const ANSWER_MS_MAX = 10_000

const address = new URL('.', location.href).href
/** The coordinator that this page, which is a relay's, leads to; null: it is the run's own page. */
const at = words.get(AT)
export const isRelayed = at !== null

/** Null until the relay has said who it is. */
export const door = signal<Door | null>(null)
let opening: Promise<Ask> | null = null

/** Asks the run: like `fetch`, with paths below the page. */
export const ask: Ask = async (path, init) => {
  opening ??= open().catch((error: Error) => {
    opening = null
    throw error
  })
  return (await opening)(new URL(path, address), init)
}

/** This page's address with these words after its #. */
export function addressWith(more: string): string {
  return new URL(at === null ? `#${more}` : `#${AT}=${at}&${more}`, location.href).href
}

/** A page that a relay serves goes on where the run is reached by other ways, too. */
export function hearAddresses(relayed: string[]): void {
  if (at !== null && door.value !== null) door.value = { ...door.value, relayed }
}

/** Whether this page is a relay's, and no words say to which run it leads. */
export async function leadsNowhere(): Promise<boolean> {
  return at === null && (await relayHere()) !== null
}

async function open(): Promise<Ask> {
  const found: Door = { address, relayed: at === null ? [] : [await placeAt(at)] }
  door.value = found
  return askThrough(found, () => door.value?.relayed ?? found.relayed)
}

async function placeAt(coordinator: string): Promise<string> {
  const relay = await relayHere()
  if (relay === null) throw new Error('The relay does not answer')
  return relayedAddress(swarmAddress(new URL(location.href), relay), coordinator)
}

/** The relay that serves this page; null: none does, or it does not answer. */
async function relayHere(): Promise<string | null> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX)
  const answer = await fetch(RELAY_PATH, { signal }).catch(() => null)
  const said = answer?.ok ? await answer.json().catch(() => null) : null
  return typeof said?.relay === 'string' ? said.relay : null
}
