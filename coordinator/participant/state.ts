/**
 * What a participant knows: plain data, changed in place by `step` alone. Four things go
 * on side by side: the link to the coordinator, loading what the round needs, the work, and handing
 * in what is done. They only meet here, so that training goes on while the link is down.
 */
import {
  type Contribution,
  type Digest,
  type Lease,
  type LeaseId,
  nextFraction,
  type PeerId,
  type Prng,
  prng,
  type RequestOf,
  type RoundStart,
  type RunConfig,
  type RunId,
} from '../../protocol/index.ts'
import type { LinkState } from './link-states.ts'

export interface ParticipantOptions {
  peer: PeerId
  name: string
  software: string
  /**
   * The RunId or its first digits, as the invitation says; null: whatever the coordinator hosts.
   */
  run: string | null
  token: string
  /** A random number, one a process. */
  session: number
  /** Seeds the jitter, so it differs for each participant. */
  seed: number
  /** A run that was read before, so that a crowd in one process reads its config once. */
  known?: KnownRun
}

export interface KnownRun {
  /** The encoded config: this very array, since its content is not compared. */
  bytes: Uint8Array
  config: RunConfig
  runId: RunId
}

export interface ParticipantState {
  readonly options: ParticipantOptions
  random: Prng
  link: LinkState
  /** When to connect again; null unless offline. */
  reconnectAt: number | null
  /** Connections that failed since the last join. */
  linkFailures: number
  /** Times in a row that it had to join again on a link that held. */
  rejoins: number
  /** Not to join before this; null: at once. */
  joinAt: number | null
  /** When the coordinator was last heard. */
  heardAt: number
  nextRequestId: number
  /** Requests without an answer; those of a broken link are forgotten. */
  asked: Map<number, Asked>
  /** `mirrors`: where else the base lies, as the coordinator last said. */
  run: { config: RunConfig; runId: RunId; mirrors: readonly string[] } | null
  /** The latest round heard of. */
  start: RoundStart | null
  isSetUp: boolean
  /** The base that is loaded. */
  prepared: { round: number; base: Digest } | null
  /** What the world is loading. */
  loading: 'set-up' | 'prepare' | null
  loadFailures: number
  /** Not to load again before this. */
  loadAt: number | null
  work: Work | null
  /** What is done between two leases. */
  sideWork: SideWork | null
  /** A lease held over a broken link may be lost: to ask for it again. */
  mustConfirmWork: boolean
  workFailures: number
  /** Not to ask for work before this. */
  askAt: number | null
  /** Wall time of one local step; null before the first. */
  stepMs: number | null
  handIns: HandIn[]
  /** Why it does not train now, in words; null: it may. */
  paused: string | null
  leaving: Leaving | null
  hasExited: boolean
}

export type Asked =
  | { type: 'join' | 'lease' | 'leave' | 'fail' }
  | { type: 'commit' | 'audit' | 'score'; leaseId: LeaseId }

export interface Work {
  lease: Lease
  /** When to stop and hand in the finished prefix. */
  stopAt: number
  /** Told to stop; what is done follows. */
  isStopping: boolean
}

/** Somebody else's steps to repeat, or rows to score. */
export interface SideWork {
  type: 'audit' | 'score'
  leaseId: LeaseId
  /** What came of it; null while it is worked on. */
  done: RequestOf<'audit' | 'score'> | null
  failures: number
  /** Not to try again before this. */
  retryAt: number | null
}

export interface Leaving {
  /** `finish`: with the lease in progress, all of it. */
  how: 'finish' | 'leave'
  reason: string
  /** Not to try to hand in after this; null while a lease is worked off. */
  by: number | null
}

export interface HandIn {
  contribution: Contribution
  signature: Uint8Array
  stage: 'trained' | 'committed' | 'uploading'
  failures: number
  /** Not to try again before this. */
  retryAt: number | null
}

export function createParticipant(options: ParticipantOptions): ParticipantState {
  return {
    options,
    random: prng(options.seed),
    link: 'offline',
    reconnectAt: null,
    linkFailures: 0,
    rejoins: 0,
    joinAt: null,
    heardAt: 0,
    nextRequestId: 0,
    asked: new Map(),
    run: null,
    start: null,
    isSetUp: false,
    prepared: null,
    loading: null,
    loadFailures: 0,
    loadAt: null,
    work: null,
    sideWork: null,
    mustConfirmWork: false,
    workFailures: 0,
    askAt: null,
    stepMs: null,
    handIns: [],
    paused: null,
    leaving: null,
    hasExited: false,
  }
}

const BACKOFF_MS_MIN = 1_000
const BACKOFF_MS_MAX = 60_000

/**
 * Time to wait after the n-th failure in a row: doubling from 1 to 60 s, the latter half by chance.
 */
export function backoffMs(random: Prng, failures: number): number {
  const doubled = BACKOFF_MS_MIN * 2 ** Math.min(16, failures - 1)
  return jittered(random, Math.min(BACKOFF_MS_MAX, doubled))
}

/** Half to all of `ms`, so that many who wait for the same thing do not come at once. */
export function jittered(random: Prng, ms: number): number {
  return Math.ceil(ms * (0.5 + nextFraction(random) / 2))
}

export function isAsking(state: ParticipantState, type: Asked['type']): boolean {
  for (const asked of state.asked.values()) if (asked.type === type) return true
  return false
}

/** A paused participant has no use for the coordinator but to hand in what is done. */
export function wantsLink({ paused, work, sideWork, handIns }: ParticipantState): boolean {
  return paused === null || work !== null || sideWork !== null || handIns.length > 0
}

/** Does this belong to the round that goes on? */
export function isCurrent(
  { start }: ParticipantState,
  of: { round: number; base: Digest } | null,
): boolean {
  return start !== null && of !== null && of.round === start.round && of.base === start.base
}
