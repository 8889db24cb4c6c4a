/** This tab as a volunteer: what it does, what speaks against it, and the worker that does it. */
import { computed, effect, signal } from '@preact/signals'
import { missingFeature } from '../../../kernels/index.ts'
import { wordsForOthers } from '../../guest/explain.ts'
import { type Preferences, pauseReasons, type Readings } from '../../guest/governor.ts'
import { parseFragment, swarmAddress } from '../../network/link.ts'
import type { VolunteerOutcome } from '../../roles/volunteer.ts'
import { type Capabilities, capabilitiesOf, limitWords } from '../tab/capabilities.ts'
import { createDriftSensor } from '../tab/drift.ts'
import type { FromVolunteer, ToVolunteer } from '../tab/messages.ts'
import { mayShareMemory } from '../tab/shared-memory.ts'
import { door, hearAddresses, words } from './door.ts'
import { isApp, keepShell } from './installed.ts'
import { type Choice, wordsToKeep } from './kept-run.ts'
import { keep, kept } from './kept-store.ts'
import { invitation, joinWord, tables, version } from './store.ts'

export type Stage =
  | 'idle'
  | 'starting'
  | 'working'
  /** Does the lease that it has to its end, and goes then. */
  | 'finishing'
  /** Hands in what is finished, and goes at once. */
  | 'leaving'
  | 'ended'

export interface Lent {
  stage: Stage
  /** What it is doing right now, in words. */
  doing: string
  /** Share of the bytes that have come; null: it waits for none. */
  share: number | null
  steps: number
  loss: number | null
  stepMs: number | null
  storage: 'kept' | 'forgotten' | null
  /** How it ended, in the words of whoever ended it. */
  reason: string
}

const IDLE: Lent = {
  stage: 'idle',
  doing: '',
  share: null,
  steps: 0,
  loss: null,
  stepMs: null,
  storage: null,
  reason: '',
}
const SENSORS_MS = 1_000
/** Others take this much when a step takes 2.5 times as long as the fastest. */
export const OTHERS_SHARE_MAX = 0.6

const ownWords = wordsToKeep(words)
/** What this browser keeps of the run to which the page's words lead. */
export const keptOfRun = computed(() => (kept.value?.words === ownWords ? kept.value : null))
const before = keptOfRun.peek()
/** It lent to this run when it was closed, and nobody had stopped it. */
export const goesOn = before?.isLending === true

export const lent = signal<Lent>(IDLE)
export const preferences = signal<Preferences>({
  isPaused: before?.isPaused ?? false,
  hours: [],
  pauseHidden: before?.pauseHidden ?? false,
  pauseOnBattery: before?.pauseOnBattery ?? true,
  othersShareMax: before === null ? OTHERS_SHARE_MAX : before.othersShareMax,
  celsiusMax: null,
  bytesMax: before?.bytesMax ?? null,
})
export const readings = signal<Readings>({
  minute: 0,
  isHidden: document.hidden,
  isOnBattery: null,
  othersShare: null,
  celsius: null,
  bytes: 0,
})
/** Bytes that the browser keeps for this page; null: it keeps none, or does not tell. */
export const keptBytes = signal<number | null>(null)

const { deviceMemory } = navigator as { deviceMemory?: number }

/** What this browser lends. It is found out once: nothing of it changes while a page is open. */
export const capabilities: Capabilities = capabilitiesOf({
  cores: navigator.hardwareConcurrency,
  deviceMemory,
  isSecure: isSecureContext,
  isIsolated: crossOriginIsolated,
  sharesMemory: mayShareMemory(),
  missingFeature: missingFeature(),
})

/** What the fields hold. */
export const choice = signal<Choice>({
  name: before?.name ?? '',
  threads: Math.min(before?.threads ?? capabilities.threads, capabilities.threadsMax),
  memoryMegabytes: before?.memoryMegabytes ?? capabilities.memoryMegabytes,
})

export const MEGABYTE = 1e6

let worker: Worker | null = null
const drift = createDriftSensor()

export function lend(): void {
  const word = joinWord()
  if (word === null || invitation.value === null || door.value === null) return
  const { coordinator } = invitation.value
  const { relayed } = door.value
  const own = swarmAddress(new URL(location.href), coordinator)
  const addresses = relayed.length > 0 ? relayed : [own]
  const invite = { addresses, coordinator, ...parseFragment(word) }
  const { name, threads, memoryMegabytes } = choice.value
  const words = limitWords(deviceMemory)
  const limits = { threads, memoryBytesMax: memoryMegabytes * MEGABYTE, words }
  lent.value = { ...IDLE, stage: 'starting', doing: 'Starting' }
  keepRun(true)
  keepShell()
  worker ??= startWorker()
  const paused = wordsForOthers(reasons.value)
  tell({ type: 'start', invite, name: name.trim() || 'a browser', limits, paused })
}

export function finish(): void {
  keepStop()
  update({ stage: 'finishing', doing: 'Finishing this lease' })
  tell({ type: 'finish' })
}

export function leave(): void {
  keepStop()
  update({ stage: 'leaving', doing: 'Handing in what is finished' })
  tell({ type: 'leave' })
}

export function erase(): void {
  worker ??= startWorker()
  tell({ type: 'erase' })
}

function keepRun(isLending: boolean): void {
  if (ownWords === null) return
  const { hours: _, celsiusMax: __, ...pauses } = preferences.peek()
  keep({ words: ownWords, isLending, ...choice.peek(), ...pauses })
}

/** It keeps that it was stopped, unless it was told to forget the run. */
function keepStop(): void {
  if (keptOfRun.peek() !== null) keepRun(false)
}

effect(() => {
  preferences.value
  const run = keptOfRun.peek()
  if (run !== null) keepRun(run.isLending)
})

/** The volunteer's code is read while its user still looks at the button. */
effect(() => {
  if (joinWord() !== null && invitation.value !== null && capabilities.obstacle === null) {
    worker ??= startWorker()
  }
})

/** Whoever opens the app by its icon goes on with what it did; in a tab a button asks for that. */
effect(() => {
  version.value
  const { run } = tables
  const isReady = run !== null && run.phase !== 'finished' && capabilities.obstacle === null
  if (isApp && goesOn && isReady && lent.value.stage === 'idle') lend()
})

function tell(message: ToVolunteer): void {
  worker?.postMessage(message)
}

function update(part: Partial<Lent>): void {
  lent.value = { ...lent.value, ...part }
}

function startWorker(): Worker {
  // The bundler knows a worker by these very words.
  const started = new Worker(new URL('../tab/volunteer-worker.ts', import.meta.url), {
    type: 'module',
  })
  let lastStep: { leaseId: number; at: number } | null = null
  const hear: { [K in FromVolunteer['type']]: (m: Extract<FromVolunteer, { type: K }>) => void } = {
    started: ({ peer, storage }) => {
      rememberPeer(peer)
      update({ stage: 'working', storage, doing: 'Asking for work' })
    },
    log: ({ text }) => update({ doing: text }),
    addresses: ({ addresses }) => hearAddresses(addresses),
    step: ({ leaseId, steps, loss, stepMs }) => {
      const at = performance.now()
      if (lastStep?.leaseId === leaseId && reasons.value.length === 0) {
        drift.step(at - lastStep.at, at)
      }
      lastStep = { leaseId, at }
      const doing = `Training, step ${steps} of this lease`
      update({ doing, share: null, steps: lent.value.steps + 1, loss, stepMs })
    },
    transfer: ({ what, done, total, moved }) => {
      readings.value = { ...readings.value, bytes: readings.value.bytes + moved }
      update({ doing: `Moving the ${what}`, share: total === 0 ? null : done / total })
    },
    exit: ({ reason, outcome }) => {
      if (outcome === 'finished') keepStop()
      end(END_WORDS[outcome] ?? `It ended: ${reason}.`)
    },
    erased: () => void measureKept(),
    failed: ({ reason }) => end(reason),
  }
  started.onmessage = ({ data }: MessageEvent<FromVolunteer>) => hear[data.type](data as never)
  started.onerror = ({ message }) => end(`This browser cannot train: ${message}`)
  return started
}

const END_WORDS: Partial<Record<VolunteerOutcome['outcome'], string>> = {
  finished: 'The run is finished: thank you.',
  left: 'What was finished is handed in.',
}

function end(reason: string): void {
  update({ stage: 'ended', reason, share: null, doing: '' })
  void measureKept()
}

/** Everything that speaks against training at this moment. */
export const reasons = signal(pauseReasons(readings.value, preferences.value))

effect(() => {
  const now = pauseReasons(readings.value, preferences.value)
  if (now.join() === reasons.peek().join()) return
  const isChange = now.length === 0 || reasons.peek().length === 0
  reasons.value = now
  if (!isChange) return
  const why = wordsForOthers(now)
  tell(why === null ? { type: 'resume' } : { type: 'pause', reason: why })
})

interface Battery extends EventTarget {
  charging: boolean
}

/** Starts looking at what may speak against training. */
export async function readSensors(): Promise<void> {
  document.addEventListener('visibilitychange', () => {
    readings.value = { ...readings.value, isHidden: document.hidden }
  })
  setInterval(() => {
    const othersShare = drift.othersShare(performance.now())
    if (othersShare !== readings.value.othersShare) {
      readings.value = { ...readings.value, othersShare }
    }
  }, SENSORS_MS)
  void measureKept()
  const { getBattery } = navigator as { getBattery?: () => Promise<Battery> }
  // Some browsers have it, and refuse it to a page all the same.
  const battery = await getBattery?.call(navigator).catch(() => undefined)
  const readBattery = () => {
    if (battery !== undefined) {
      readings.value = { ...readings.value, isOnBattery: !battery.charging }
    }
  }
  battery?.addEventListener('chargingchange', readBattery)
  readBattery()
}

interface Estimate extends StorageEstimate {
  /** Some browsers tell what is what: model and data are files, and the page itself is none. */
  usageDetails?: { fileSystem?: number }
}

async function measureKept(): Promise<void> {
  // Only secure contexts have it, whatever the types say.
  const storage = navigator.storage as StorageManager | undefined
  const estimate: Estimate | null | undefined = await storage?.estimate().catch(() => null)
  const { usage, usageDetails } = estimate ?? {}
  keptBytes.value = (usageDetails === undefined ? usage : usageDetails.fileSystem) ?? null
}

/** Where a page finds again whose key this browser has, which its worker alone can read. */
const PEER_KEY = 'barnraise.peer'

/** The peer that this browser trained as, now or before; null: it has not, or keeps nothing. */
const ownPeer = signal(rememberedPeer())

function rememberedPeer(): string | null {
  try {
    return localStorage.getItem(PEER_KEY)
  } catch {
    return null
  }
}

function rememberPeer(peer: string): void {
  ownPeer.value = peer
  try {
    localStorage.setItem(PEER_KEY, peer)
  } catch {
    // It is known as long as the page is open.
  }
}

/** The row under which the run lists this browser. */
export function ownRow() {
  return ownPeer.value === null ? undefined : tables.peers.get(ownPeer.value)
}
