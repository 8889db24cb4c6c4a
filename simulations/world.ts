/**
 * The world of a simulation: what coordinator, volunteers and faults share. Types only, so that the
 * rooms of the simulator can know each other without importing each other.
 */
import type { CoordinatorEvent, CoordinatorState, Outcome } from '../coordinator/index.ts'
import type { ParticipantEvent, ParticipantState } from '../coordinator/participant/index.ts'
import type {
  AuditOffer,
  Lease,
  PeerId,
  Reply,
  Request,
  RunConfig,
  RunId,
} from '../protocol/index.ts'
import type { Accounts } from './accounts.ts'
import type { AttackWatch } from './attack-watch.ts'
import type { Session } from './churn.ts'
import type { Culprit } from './culprit.ts'
import type { EnergyRates } from './energy.ts'
import type { EventQueue } from './event-queue.ts'
import type { FairLink } from './fair-link.ts'
import type { FaultRates } from './faults.ts'
import type { Host } from './hosts.ts'
import type { Learning, Sizes } from './learning.ts'
import type { Presence } from './presence.ts'
import type { Slots } from './slots.ts'

/** What surrounds the run; speeds in Mbit/s, times in ms. Watts are counted, and change nothing. */
export interface WorldOptions extends EnergyRates {
  /** Speed of the coordinator's link, each way. */
  linkMbit: number
  /** Speed of all relays together, each way. */
  relayMbit: number
  uploadSlots: number
  downloadSlots: number
  /** A payload that has come is measured, one after the other. */
  measureMs: number
  /** A merge takes `mergeMs`, and so much more for each contribution. */
  mergeMs: number
  mergeContributionMs: number
  evaluateMs: number
  /** Times to build the trainer from the model's bytes, and to load a round's adapter. */
  setUpMs: number
  prepareMs: number
  /** What a lease takes besides its steps: data, adapter, payload. */
  leaseMs: number
  /** A local step of the coordinator's own, when it audits. */
  ownStepMs: number
  baseBytes: number
  /** Whether the base model is on every machine before the clock starts. */
  basesCached: boolean
  sizes: Sizes
}

/** The production decision, unless a test plants a wrong one. */
export type Step = (state: CoordinatorState, event: CoordinatorEvent) => Outcome

/** One connection, as long as both sides think that it is there. */
export interface Connection {
  readonly volunteer: Volunteer
  /** False as soon as the volunteer's side is gone. */
  isOpen: boolean
}

export interface CoordinatorProcess {
  readonly isUp: boolean
  readonly state: CoordinatorState
  start(): void
  feed(event: CoordinatorEvent): void
  open(connection: Connection): void
  /** Notices that a connection is gone. */
  lose(connection: Connection): void
  ask(connection: Connection, request: Request, answer: (reply: Reply) => void): void
  /** The process dies, and is started again after `downMs`. */
  crash(downMs: number): void
}

export interface Volunteer {
  readonly host: Host
  readonly peer: PeerId
  /** What it does that no honest volunteer does; null: it is one. */
  readonly culprit: Culprit | null
  /** The process; null where there is none. */
  state: ParticipantState | null
  /** False while the machine sleeps with the process in memory. */
  isAwake: boolean
  session: Session | null
  /** What the session multiplies step times and the uplink's speed by. */
  slowness: number
  upFactor: number
  connection: Connection | null
  /** Reasons for which nothing gets through. */
  cuts: number
  /** When the next tick comes, of those that are on their way. */
  tickAt: number
  training: Training | null
  /** What it repeats of somebody else's. */
  auditing: Auditing | null
  /** Transfers in progress. */
  readonly transfers: Set<Transfer>
  /** Whether the base is on disk. */
  hasBase: boolean
  /** The round whose base the process holds in memory. */
  adapterRound: number | null
  activity: Activity
  activitySince: number
}

/** A host, and who it is now: an attacker's has several identities, and new ones for banned. */
export interface Machine {
  readonly host: Host
  readonly identities: Volunteer[]
  /** Keys that it has had so far. */
  keys: number
}

export interface Transfer {
  readonly onDone: () => void
  readonly onFailed: (reason: string) => void
  isOver: boolean
  /** Takes the bytes off the link, once they are on it. */
  cancel: (() => void) | null
  /** Gives the place up, or the wait for one. */
  leaveSlot: (() => void) | null
}

export interface Auditing {
  readonly offer: AuditOffer
  /** What it still takes, from `since` on; null while nothing is done for it. */
  leftMs: number
  since: number | null
}

/** Why there are no scores in a simulation. */
export const NO_QUESTIONS = 'a simulation answers no questions'

export type Activity = 'waiting' | 'loading' | 'training' | 'auditing'

export interface Training {
  readonly lease: Lease
  readonly stepMs: number
  readonly fails: boolean
  /** Steps it will have done when it ends. */
  steps: number
  /** Time trained before the machine slept, which is booked as lost. */
  pausedMs: number
  /** When it was ended in the middle of a step; null: it was not. */
  cutAt: number | null
  /** Training goes on since; Infinity while the machine sleeps. */
  since: number
}

export interface World {
  readonly queue: EventQueue
  readonly seed: number
  readonly config: RunConfig
  readonly runId: RunId
  readonly options: WorldOptions
  /** The key that audits are drawn with, once so many were published. */
  readonly coin: (published: number) => Uint8Array
  /** Rates of what goes wrong; all zero when the faults are off. */
  faults: FaultRates
  readonly learning: Learning
  readonly accounts: Accounts
  readonly attacks: AttackWatch
  readonly coordinator: CoordinatorProcess
  /** All that ever came, by their hosts' index, and who is online now. */
  readonly machines: Map<number, Machine>
  readonly online: Presence<Volunteer>
  readonly links: { up: FairLink; down: FairLink; relayUp: FairLink; relayDown: FairLink }
  readonly slots: { up: Slots; down: Slots }
  /** When the coordinator has measured all payloads that have come. */
  measuredAt: number
  /** What went wrong, by name. */
  readonly failures: Map<string, number>
  /** Another identity takes the place of one that is banned. */
  replace(volunteer: Volunteer): void
  /** Feeds a volunteer's process; the event gets its time here. */
  feed(volunteer: Volunteer, event: ParticipantEvent): void
}

export function countFailure({ failures }: World, name: string): void {
  failures.set(name, (failures.get(name) ?? 0) + 1)
}
