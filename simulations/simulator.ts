/**
 * One run in virtual time: the production state machines of a coordinator and its volunteers, in a
 * world of churn and faults that one seed decides. A pure function of its options: same options,
 * same trace digest.
 *
 *   churn -> volunteers -> network -> coordinator -> journal
 *                ^------------ effects -----'-> checkers, accounts, history
 *
 * Sources: Zhou et al. 2021, FoundationDB (deterministic simulation); TigerBeetle's VOPR (a safety
 * phase with faults, then a liveness phase without).
 */
import {
  type Aggregate,
  type AggregationJob,
  initialState,
  isDone,
  step as productionStep,
  snapshot,
} from '../coordinator/index.ts'
import {
  type AuditCounts,
  type Digest,
  hexToBytes,
  type RunConfig,
  runIdOf,
} from '../protocol/index.ts'
import { auditShareOf, createAccounts, goodputOf, type Totals } from './accounts.ts'
import type { AttackFigures } from './attack-figures.ts'
import { type AttackShare, attackerOf } from './attack-settings.ts'
import { createAttackWatch } from './attack-watch.ts'
import type { Attacker } from './attackers/attacker.ts'
import { createCheckers } from './checkers.ts'
import { type Churn, type Crowd, churnOf, type Session } from './churn.ts'
import { createCoordinatorProcess } from './coordinator-process.ts'
import { newCulprit } from './culprit.ts'
import { createEventQueue, type EventQueue } from './event-queue.ts'
import { createFairLink } from './fair-link.ts'
import { driveFaults, driveKills } from './fault-driver.ts'
import { EVERYDAY, type FaultRates, NO_FAULTS } from './faults.ts'
import { type History, newHistory, noteEvent, type Sample } from './history.ts'
import { bytesPerMs, type Host } from './hosts.ts'
import { createJournal } from './journal.ts'
import { type Learning, modelledLearning } from './learning.ts'
import { createPresence } from './presence.ts'
import { DEFAULT_RUN, defaultWorld } from './run-settings.ts'
import { createSlots } from './slots.ts'
import { createTraceDigest } from './trace-digest.ts'
import { leaveUnfinished } from './training.ts'
import { beginSession, closeActivity, createVolunteer, feed } from './volunteer.ts'
import { digestOfText } from './work-done.ts'
import type { Machine, Step, Volunteer, World, WorldOptions } from './world.ts'

export interface SimulationOptions {
  seed: number
  config: RunConfig
  world: WorldOptions
  churn: Churn
  faults: FaultRates
  /** When the faults end; what comes after must finish the run if it is to. */
  faultsUntil: number
  learning?: Learning
  /** Who attacks; nobody unless said. */
  attacks?: readonly AttackShare[]
  /** Tests plant wrong decisions here. */
  step?: Step
  /** Events between two checks of the whole state, at least: a crowd's are further apart. */
  checkEvery: number
  journal: { entriesMax: number; verifyEvery: number; asBytes: boolean }
  /** Time between two samples of the history. */
  sampleMs: number
}

export interface SimulationResult {
  /** Virtual time that passed. */
  ms: number
  events: number
  /** Where all time online went. */
  totals: Totals
  goodput: number
  /** Goodput up to the last merge: an open round is not held against a run with long ones. */
  goodputMerged: number
  /** Audits' share of the steps that were of use. */
  auditShare: number
  /** What came of them. */
  audits: AuditCounts
  /** What became of those who attacked. */
  attacks: AttackFigures
  rounds: number
  batches: number
  finished: boolean
  failures: ReadonlyMap<string, number>
  replays: number
  violations: readonly string[]
  /** Digest of the adapter that the next round starts from. */
  adapter: Digest
  traceDigest: Digest
  history: History
  bytes: { up: number; down: number }
}

export interface Simulation {
  /** Lets time pass until `time` or the run's end. */
  runUntil(time: number): void
  result(): SimulationResult
}

export interface SimulateOptions {
  seed: number
  crowds: readonly Crowd[]
  /** Who comes and goes, instead of the crowds. */
  churn?: Churn
  /** Virtual days with faults. */
  days: number
  /** Virtual days without, after that, in which the run has to finish; 0: it need not. */
  daysToFinish?: number
  config?: RunConfig
  world?: Partial<WorldOptions>
  faults?: FaultRates
  learning?: Learning
  attacks?: readonly AttackShare[]
  step?: Step
  checkEvery?: number
  sampleMs?: number
  /** Hears how far the days have passed, in (0, 1], a hundred times. */
  onProgress?: (share: number) => void
}

const DAY_MS = 86_400_000
const PROGRESS_STEPS = 100
/** Entries between two snapshots, whose cost is that of the state. */
const JOURNAL_ENTRIES = 200_000

/**
 * A run from its first moment to its end or the horizon's; `crowds` mix freely. What is left out is
 * as every run has it: product defaults, everyday faults, modelled learning. `violations` is empty
 * if everything held that must; `history` has the samples, rounds and leases that a report shows.
 */
export function simulate(options: SimulateOptions): SimulationResult {
  const { seed, crowds, days, daysToFinish = 0, config = DEFAULT_RUN, onProgress } = options
  const horizonMs = days * DAY_MS
  const endMs = horizonMs + daysToFinish * DAY_MS
  const simulation = createSimulation({
    config,
    checkEvery: 10_000,
    sampleMs: 300_000,
    faults: EVERYDAY,
    ...options,
    world: { ...defaultWorld(config), ...options.world },
    churn: options.churn ?? churnOf(seed, crowds, endMs),
    faultsUntil: horizonMs,
    journal: { entriesMax: JOURNAL_ENTRIES, verifyEvery: 10, asBytes: false },
  })
  for (let part = 1; part <= PROGRESS_STEPS; part++) {
    simulation.runUntil((horizonMs * part) / PROGRESS_STEPS)
    onProgress?.(part / PROGRESS_STEPS)
  }
  simulation.runUntil(endMs)
  const result = simulation.result()
  if (daysToFinish === 0 || result.finished || result.violations.length > 0) return result
  return { ...result, violations: [...result.violations, 'the run does not finish'] }
}

/** A check of the whole state costs as much as so many events for each member. */
const WHOLE_EVENTS = 4

export function createSimulation(options: SimulationOptions): Simulation {
  const { seed, config, churn } = options
  const step = options.step ?? productionStep
  const queue = createEventQueue()
  const runId = runIdOf(config)
  const learning = options.learning ?? modelledLearning(config, options.world.sizes)
  const fresh = () =>
    initialState(config, runId, { base: learning.base, payloadBytes: options.world.sizes.payload })
  const checkers = createCheckers(() => queue.now)
  const journal = createJournal({ fresh, step, ...options.journal, complain: checkers.complain })
  const trace = createTraceDigest()
  const history = newHistory()
  const accounts = createAccounts()
  const attacks = createAttackWatch()
  let events = 0
  let wholeAt = options.checkEvery
  let job: AggregationJob | null = null

  const coordinator = createCoordinatorProcess(() => world, {
    seed,
    state: fresh(),
    step,
    journal,
    observe: (event, outcome, state) => {
      events += 1
      for (const effect of outcome.effects) if (effect.type === 'aggregate') job = effect.job
      checkers.after(event, outcome, state)
      attacks.after(event, outcome, state, queue.now)
      if (outcome.accepted) trace.add(event)
      noteEvent(history, event, outcome, state, queue.now)
      if (event.type === 'aggregated' && outcome.accepted) {
        settle(world, job!, event.aggregate.rejected)
      }
      if (events >= wholeAt) {
        checkers.whole(state)
        wholeAt = events + Math.max(options.checkEvery, WHOLE_EVENTS * state.members.size)
      }
      journal.checkpoint(state)
    },
  })

  const world: World = {
    queue,
    seed,
    config,
    runId,
    options: options.world,
    coin: coinOf(seed),
    faults: options.faults,
    learning,
    accounts,
    attacks,
    coordinator,
    machines: new Map(),
    online: createPresence(queue),
    links: linksOf(queue, options.world),
    slots: {
      up: createSlots(options.world.uploadSlots),
      down: createSlots(options.world.downloadSlots),
    },
    measuredAt: 0,
    failures: new Map(),
    replace,
    feed: (volunteer, event) => feed(world, volunteer, event),
  }

  function arrive(session: Session): void {
    const { host } = session
    const machine = world.machines.get(host.index) ?? newMachine(host)
    // Those who are there now: one that is refused at once is replaced in the list.
    for (const volunteer of [...machine.identities]) beginSession(world, volunteer, session)
  }

  function newMachine(host: Host): Machine {
    const attacker = attackerOf(seed, host.index, options.attacks ?? [])
    const machine: Machine = { host, identities: [], keys: 0 }
    for (let count = attacker?.identities ?? 1; count > 0; count--) {
      machine.identities.push(newIdentity(machine, attacker))
    }
    world.machines.set(host.index, machine)
    driveKills(world, machine)
    return machine
  }

  function newIdentity(machine: Machine, attacker: Attacker | null): Volunteer {
    const { host, keys } = machine
    const culprit = attacker === null ? null : newCulprit(seed, host.index, attacker, keys)
    machine.keys += 1
    if (culprit !== null) attacks.join(culprit)
    return createVolunteer(host, options.world.basesCached, culprit)
  }

  function replace(volunteer: Volunteer): void {
    const { host, session, culprit } = volunteer
    const machine = world.machines.get(host.index)!
    const fresh = newIdentity(machine, culprit!.attacker)
    machine.identities[machine.identities.indexOf(volunteer)] = fresh
    volunteer.session = null
    if (session !== null) beginSession(world, fresh, session)
  }

  function sample(): void {
    history.samples.push(sampleOf(world))
    queue.after(options.sampleMs, sample)
  }

  coordinator.start()
  churn.start(queue, arrive)
  driveFaults(world)
  queue.at(options.faultsUntil, () => {
    world.faults = NO_FAULTS
  })
  sample()

  return {
    // What comes after a violation only hides it.
    runUntil: (time) =>
      queue.runUntil(time, () => isDone(coordinator.state) || checkers.hasViolations),
    result: () => {
      const { state } = coordinator
      checkers.whole(state)
      journal.verify(state)
      const totals = totalsAtEnd(world)
      checkers.accounts(totals, world.online.onlineMs())
      return {
        ms: queue.now,
        events: queue.count,
        totals,
        goodput: goodputOf(totals),
        goodputMerged: goodputOf(accounts.settled),
        auditShare: auditShareOf(totals),
        audits: { ...state.auditCounts },
        attacks: attacks.figures(state, world.machines.size),
        rounds: state.round.start.round,
        batches: state.batchesCounted,
        finished: isDone(state),
        failures: world.failures,
        replays: journal.replays,
        violations: checkers.violations,
        adapter: state.round.start.base,
        traceDigest: trace.finish(snapshot(state)),
        history,
        bytes: bytesOf(world),
      }
    },
  }
}

function coinOf(seed: number): World['coin'] {
  return (published) => {
    const again = published === 0 ? '' : ` ${published}`
    return hexToBytes(digestOfText(`coin ${seed}${again}`))
  }
}

function linksOf(queue: EventQueue, { linkMbit, relayMbit }: WorldOptions): World['links'] {
  const link = (mbit: number) => createFairLink(queue, bytesPerMs(mbit))
  return {
    up: link(linkMbit),
    down: link(linkMbit),
    relayUp: link(relayMbit),
    relayDown: link(relayMbit),
  }
}

/** What has passed through the coordinator so far. */
const bytesOf = ({ links: { up, down, relayUp, relayDown } }: World) => ({
  up: up.bytes + relayUp.bytes,
  down: down.bytes + relayDown.bytes,
})

function sampleOf(world: World): Sample {
  const { queue, online, coordinator, accounts } = world
  const { members, round, batchesCounted } = coordinator.state
  const { up, down } = bytesOf(world)
  return {
    at: queue.now,
    online: online.size,
    members: members.size,
    round: round.start.round,
    batches: batchesCounted,
    bytesUp: up,
    bytesDown: down,
    totals: accounts.settled,
  }
}

function totalsAtEnd(world: World): Totals {
  for (const volunteer of world.online) {
    closeActivity(world, volunteer)
    leaveUnfinished(world, volunteer)
  }
  return world.accounts.atEnd()
}

/** What was merged counts; what else was done for the round never will. */
function settle(world: World, job: AggregationJob, rejected: Aggregate['rejected']): void {
  const { online, accounts } = world
  const refused = new Set(rejected.map(({ leaseId }) => leaseId))
  for (const { leaseId } of job.contributions) {
    if (refused.has(leaseId)) accounts.refuse(leaseId)
    else accounts.count(leaseId)
  }
  for (const volunteer of online) closeActivity(world, volunteer)
  accounts.settle(job.round)
}
