/**
 * The coordinator's process: the shell around `step`. Whatever it accepts goes into the journal
 * before its effects are performed; it can die at any event, before that, after it or between two
 * effects, and comes back from the journal alone.
 */
import type { AggregationJob, CoordinatorEffect } from '../coordinator/effect.ts'
import type { CoordinatorEvent } from '../coordinator/event.ts'
import type { Outcome } from '../coordinator/outcome.ts'
import { pendingEffects } from '../coordinator/pending.ts'
import type { CoordinatorState } from '../coordinator/state.ts'
import { nextDeadline } from '../coordinator/step.ts'
import { assertNever } from '../protocol/errors.ts'
import type { Notice, PeerId, Reply } from '../protocol/messages.ts'
import type { Journal } from './journal.ts'
import { between, chance } from './laws.ts'
import { digestOfText } from './learning.ts'
import { isCut, latencyMs, send } from './network.ts'
import { loseConnection, startSilence } from './volunteer.ts'
import {
  type Connection,
  type CoordinatorProcess,
  countFailure,
  type Step,
  type World,
} from './world.ts'

export interface CoordinatorInit {
  state: CoordinatorState
  step: Step
  journal: Journal
  /** Sees each event that was decided, before its effects are performed. */
  observe(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState): void
}

interface Heard {
  readonly world: World
  readonly connection: Connection
  readonly notice: Notice
}

export function createCoordinatorProcess(
  worldOf: () => World,
  { step, journal, observe, ...init }: CoordinatorInit,
): CoordinatorProcess {
  const connections = new Map<PeerId, Connection>()
  let state = init.state
  let isUp = false
  /** Counts lives: what an earlier one began is void. */
  let life = 0
  let clockOffset = 0
  let tickAt = Number.POSITIVE_INFINITY
  let asking: ((reply: Reply) => void) | null = null

  const now = (): number => worldOf().queue.now + clockOffset

  function feed(event: CoordinatorEvent): void {
    if (!isUp) return
    const world = worldOf()
    event.at = now()
    const { crashAtEvent, crashMs } = world.faults
    const dies = crashAtEvent > 0 && chance(world.random, crashAtEvent)
    if (dies && chance(world.random, 0.5)) return crash(between(world.random, 0, crashMs))
    const outcome = step(state, event)
    if (outcome.accepted) journal.append(event)
    observe(event, outcome, state)
    const { effects } = outcome
    const performed = dies ? Math.floor(between(world.random, 0, effects.length + 1)) : undefined
    performAll(world, effects.slice(0, performed))
    if (dies) crash(between(world.random, 0, crashMs))
    else setTick()
  }

  /** An effect may come back as an event that the process does not survive. */
  function performAll(world: World, effects: readonly CoordinatorEffect[]): void {
    const mine = life
    for (const effect of effects) {
      if (mine === life) perform(world, effect)
    }
  }

  function perform(world: World, effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'reply':
        return asking?.(effect.reply)
      case 'notify':
        return notify(world, effect.to, effect.notice)
      case 'aggregate':
        return aggregate(world, effect.job)
      case 'evaluate': {
        const { round } = effect
        return later(world.options.evaluateMs, () =>
          feed({ type: 'evaluated', at: 0, round, loss: world.learning.evaluate(round) ?? 0 }),
        )
      }
      case 'disconnect':
        return hangUp(world, effect.peer)
      case 'log':
        return
      default:
        return assertNever(effect)
    }
  }

  /** Only if the process lives until then. */
  function later(ms: number, run: () => void): void {
    const mine = life
    worldOf().queue.after(ms, () => {
      if (mine === life) run()
    })
  }

  function notify(world: World, to: PeerId | 'all', notice: Notice): void {
    if (to === 'all') {
      for (const peer of state.members.keys()) notify(world, peer, notice)
      return
    }
    const connection = connections.get(to)
    if (connection === undefined) return
    const { noticeLoss } = world.faults
    if (noticeLoss > 0 && chance(world.random, noticeLoss)) {
      return countFailure(world, 'notice lost')
    }
    send(world, connection, { world, connection, notice }, hearNotice, null)
  }

  function aggregate(world: World, job: AggregationJob): void {
    const { options, learning, random, faults } = world
    const ms = options.mergeMs + options.mergeContributionMs * job.contributions.length
    const rejected = job.contributions
      .filter(() => faults.badNumbers > 0 && chance(random, faults.badNumbers))
      .map(({ leaseId }) => ({ leaseId, reason: 'beyond the bound' }))
    for (const _ of rejected) countFailure(world, 'contribution refused')
    later(ms, () => {
      const merged = learning.merge(job)
      const manifest = { digest: digestOfText(`manifest ${merged.adapter}`), bytes: 1000 }
      const aggregate = { ...merged, manifest, rejected: [...merged.rejected, ...rejected] }
      feed({ type: 'aggregated', at: 0, round: job.round, aggregate })
    })
  }

  function hangUp(world: World, peer: PeerId): void {
    const connection = connections.get(peer)
    if (connection === undefined) return
    lose(connection)
    hearEnd(world, connection)
  }

  /** The volunteer's system hears that this side has closed, if it hears anything. */
  function hearEnd(world: World, connection: Connection): void {
    const { volunteer } = connection
    if (isCut(volunteer)) return startSilence(world, volunteer)
    world.queue.after(latencyMs(world, volunteer), () => {
      if (volunteer.connection === connection && connection.isOpen) {
        loseConnection(world, volunteer, 'the coordinator closed the connection')
      }
    })
  }

  function lose(connection: Connection): void {
    const { peer } = connection.volunteer
    if (connections.get(peer) !== connection) return
    connections.delete(peer)
    feed({ type: 'disconnected', at: 0, peer })
  }

  function setTick(): void {
    const { queue } = worldOf()
    const deadline = nextDeadline(state)
    if (deadline === null) return
    const time = Math.max(queue.now, deadline - clockOffset + 0.01)
    if (time >= tickAt) return
    tickAt = time
    const mine = life
    queue.at(time, () => {
      if (tickAt !== time || mine !== life) return
      tickAt = Number.POSITIVE_INFINITY
      if ((nextDeadline(state) ?? Number.POSITIVE_INFINITY) <= now()) feed({ type: 'tick', at: 0 })
      else setTick()
    })
  }

  function crash(downMs: number): void {
    if (!isUp) return
    const world = worldOf()
    countFailure(world, 'coordinator killed')
    isUp = false
    life += 1
    tickAt = Number.POSITIVE_INFINITY
    for (const connection of connections.values()) hearEnd(world, connection)
    connections.clear()
    state = journal.recover(state)
    world.queue.after(downMs, () => {
      const { clockJumpMs } = world.faults
      clockOffset += between(world.random, -clockJumpMs, clockJumpMs)
      start()
    })
  }

  function start(): void {
    const world = worldOf()
    isUp = true
    for (const effect of pendingEffects(state)) perform(world, effect)
    feed({ type: 'started', at: 0 })
  }

  return {
    get isUp() {
      return isUp
    },
    get state() {
      return state
    },
    start,
    feed,
    open: (connection) => connections.set(connection.volunteer.peer, connection),
    lose,
    ask: (connection, request, answer) => {
      asking = answer
      const { peer } = connection.volunteer
      feed({ type: 'request', at: 0, peer, requestId: 0, request, signatureValid: true })
      asking = null
    },
    crash,
  }
}

function hearNotice({ world, connection, notice }: Heard): void {
  const { volunteer } = connection
  if (volunteer.connection !== connection) return
  world.feed(volunteer, { type: 'notice', at: 0, notice })
}
