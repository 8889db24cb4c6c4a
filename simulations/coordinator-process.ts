/**
 * The coordinator's process: the shell around `step`. Whatever it accepts goes into the journal
 * before its effects are performed; it can die at any event, before that, after it or between two
 * effects, and comes back from the journal alone.
 */
import {
  type AggregationJob,
  type AuditJob,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  drawOf,
  type KnownRequest,
  nextDeadline,
  type Outcome,
  pendingEffects,
} from '../coordinator/index.ts'
import {
  assertNever,
  digestOf,
  type Notice,
  type PeerId,
  type Prng,
  type Reply,
} from '../protocol/index.ts'
import type { Journal } from './journal.ts'
import { between, chance } from './laws.ts'
import { manifestOf } from './learning.ts'
import { isCut, latencyMs, send } from './network.ts'
import { streamFor } from './streams.ts'
import { loseConnection, startSilence } from './volunteer.ts'
import {
  type Connection,
  type CoordinatorProcess,
  countFailure,
  NO_QUESTIONS,
  type Step,
  type World,
} from './world.ts'

export interface CoordinatorInit {
  seed: number
  state: CoordinatorState
  step: Step
  journal: Journal
  /** Sees each event that was decided, before its effects are performed. */
  observe(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState): void
}

interface Shell {
  readonly worldOf: () => World
  readonly step: Step
  readonly journal: Journal
  readonly observe: CoordinatorInit['observe']
  /** When and how its process dies at an event, and how wrong its clock is then. */
  readonly random: Prng
  readonly connections: Map<PeerId, Connection>
  state: CoordinatorState
  isUp: boolean
  /** Counts lives: what an earlier one began is void. */
  life: number
  /** How wrong the clock of this life goes, ms. */
  clockOffset: number
  /** When the next tick comes, of those that are on their way. */
  tickAt: number
  /** Who waits for the answer to the request in progress. */
  asking: ((reply: Reply) => void) | null
}

interface Heard {
  readonly world: World
  readonly connection: Connection
  readonly notice: Notice
}

export function createCoordinatorProcess(
  worldOf: () => World,
  { seed, state, step, journal, observe }: CoordinatorInit,
): CoordinatorProcess {
  const shell: Shell = {
    worldOf,
    step,
    journal,
    observe,
    random: streamFor(seed, 'coordinator'),
    connections: new Map(),
    state,
    isUp: false,
    life: 0,
    clockOffset: 0,
    tickAt: Number.POSITIVE_INFINITY,
    asking: null,
  }
  return {
    get isUp() {
      return shell.isUp
    },
    get state() {
      return shell.state
    },
    start: () => start(shell),
    feed: (event) => feed(shell, event),
    open: (connection) => shell.connections.set(connection.volunteer.peer, connection),
    lose: (connection) => lose(shell, connection),
    ask: (connection, request, answer) => ask(shell, connection, request, answer),
    crash: (downMs) => crash(shell, downMs),
  }
}

const now = ({ worldOf, clockOffset }: Shell): number => worldOf().queue.now + clockOffset

function ask(
  shell: Shell,
  connection: Connection,
  request: KnownRequest,
  answer: (reply: Reply) => void,
): void {
  const { peer, host } = connection.volunteer
  shell.asking = answer
  const asked = { type: 'request', at: 0, peer, requestId: 0, request, genuine: true } as const
  const machine = `machine ${host.index}`
  if (request.type === 'join') feed(shell, { ...asked, origin: machine, block: machine })
  else if (request.type !== 'commit') feed(shell, { ...asked })
  else {
    const key = shell.worldOf().coin(shell.state.coinsPublished)
    feed(shell, { ...asked, draw: drawOf(key, request.contribution.leaseId) })
  }
  shell.asking = null
}

function feed(shell: Shell, event: CoordinatorEvent): void {
  if (!shell.isUp) return
  const world = shell.worldOf()
  event.at = now(shell)
  const { crashAtEvent, crashMs } = world.faults
  const dies = crashAtEvent > 0 && chance(shell.random, crashAtEvent)
  if (dies && chance(shell.random, 0.5)) return crash(shell, between(shell.random, 0, crashMs))
  const outcome = shell.step(shell.state, event)
  if (outcome.accepted) shell.journal.append(event)
  shell.observe(event, outcome, shell.state)
  const { effects } = outcome
  const performed = dies ? Math.floor(between(shell.random, 0, effects.length + 1)) : undefined
  performAll(shell, world, effects.slice(0, performed))
  if (dies) crash(shell, between(shell.random, 0, crashMs))
  else setTick(shell)
}

/** An effect may come back as an event that the process does not survive. */
function performAll(shell: Shell, world: World, effects: readonly CoordinatorEffect[]): void {
  const mine = shell.life
  for (const effect of effects) {
    if (mine === shell.life) perform(shell, world, effect)
  }
}

function perform(shell: Shell, world: World, effect: CoordinatorEffect): void {
  switch (effect.type) {
    case 'reply':
      return shell.asking?.(effect.reply)
    case 'notify':
      return notify(shell, world, effect.to, effect.notice)
    case 'aggregate':
      return aggregate(shell, world, effect.job)
    case 'audit':
      return audit(shell, world, effect.job)
    case 'publish-coin':
      return later(shell, 0, () =>
        feed(shell, {
          type: 'coin-published',
          at: 0,
          key: world.coin(effect.published),
          next: digestOf(world.coin(effect.published + 1)),
        }),
      )
    case 'evaluate': {
      const { round, adapter } = effect
      return later(shell, world.options.evaluateMs, () => {
        const loss = world.learning.evaluate(adapter) ?? 0
        feed(shell, { type: 'evaluated', at: 0, round, adapter, loss })
      })
    }
    // Nobody answers questions here: that costs no time, and the run hears that it has no scores.
    case 'score': {
      const { round, adapter, first } = effect
      const about = { type: 'piece-scored', at: 0, round, adapter, first } as const
      return later(shell, 0, () => feed(shell, { ...about, outcomes: null, reason: NO_QUESTIONS }))
    }
    case 'sum-up-scores': {
      const { round, adapter } = effect
      const about = { type: 'scored', at: 0, round, adapter } as const
      return later(shell, 0, () => feed(shell, { ...about, scores: null, reason: NO_QUESTIONS }))
    }
    case 'disconnect':
      return hangUp(shell, world, effect.peer)
    // Volunteers that fail by chance stop no run.
    case 'stop':
    case 'log':
      return
    default:
      return assertNever(effect)
  }
}

/** The coordinator's own machine repeats some steps. */
function audit(shell: Shell, world: World, job: AuditJob): void {
  const { options, learning } = world
  const { auditId, steps } = job
  later(shell, steps * options.ownStepMs, () =>
    feed(shell, { type: 'audited', at: 0, auditId, result: learning.repeat(job) }),
  )
}

/** Only if the process lives until then. */
function later(shell: Shell, ms: number, run: () => void): void {
  const mine = shell.life
  shell.worldOf().queue.after(ms, () => {
    if (mine === shell.life) run()
  })
}

function notify(shell: Shell, world: World, to: PeerId | 'all', notice: Notice): void {
  if (to === 'all') {
    for (const peer of shell.state.members.keys()) notify(shell, world, peer, notice)
    return
  }
  const connection = shell.connections.get(to)
  if (connection === undefined) return
  const { noticeLoss } = world.faults
  if (noticeLoss > 0 && chance(connection.volunteer.host.random.message, noticeLoss)) {
    return countFailure(world, 'notice lost')
  }
  send(world, connection, { world, connection, notice }, hearNotice, null)
}

function aggregate(shell: Shell, world: World, job: AggregationJob): void {
  const { options, learning, seed, faults } = world
  const { badNumbers } = faults
  const ms = options.mergeMs + options.mergeContributionMs * job.contributions.length
  const rejected = job.contributions
    .filter(
      ({ leaseId }) => badNumbers > 0 && chance(streamFor(seed, 'badNumbers', leaseId), badNumbers),
    )
    .map(({ leaseId }) => ({ leaseId, reason: 'beyond the bound' }))
  for (const _ of rejected) countFailure(world, 'contribution refused')
  later(shell, ms, () => {
    const merged = learning.merge(job)
    const manifest = { digest: manifestOf(merged.adapter), bytes: 1000 }
    const aggregate = { ...merged, manifest, rejected: [...merged.rejected, ...rejected] }
    const { round, attempt } = job
    feed(shell, { type: 'aggregated', at: 0, round, attempt, aggregate })
  })
}

function hangUp(shell: Shell, world: World, peer: PeerId): void {
  const connection = shell.connections.get(peer)
  if (connection === undefined) return
  lose(shell, connection)
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

function lose(shell: Shell, connection: Connection): void {
  const { peer } = connection.volunteer
  if (shell.connections.get(peer) !== connection) return
  shell.connections.delete(peer)
  feed(shell, { type: 'disconnected', at: 0, peer })
}

function setTick(shell: Shell): void {
  const { queue } = shell.worldOf()
  const deadline = nextDeadline(shell.state)
  if (deadline === null) return
  const time = Math.max(queue.now, deadline - shell.clockOffset + 0.01)
  if (time >= shell.tickAt) return
  shell.tickAt = time
  const mine = shell.life
  queue.at(time, () => {
    if (shell.tickAt !== time || mine !== shell.life) return
    shell.tickAt = Number.POSITIVE_INFINITY
    if ((nextDeadline(shell.state) ?? Number.POSITIVE_INFINITY) <= now(shell))
      feed(shell, { type: 'tick', at: 0 })
    else setTick(shell)
  })
}

function crash(shell: Shell, downMs: number): void {
  if (!shell.isUp) return
  const world = shell.worldOf()
  countFailure(world, 'coordinator killed')
  shell.isUp = false
  shell.life += 1
  shell.tickAt = Number.POSITIVE_INFINITY
  for (const connection of shell.connections.values()) hearEnd(world, connection)
  shell.connections.clear()
  shell.state = shell.journal.recover(shell.state)
  world.queue.after(downMs, () => {
    const { clockJumpMs } = world.faults
    shell.clockOffset += between(shell.random, -clockJumpMs, clockJumpMs)
    start(shell)
  })
}

function start(shell: Shell): void {
  const world = shell.worldOf()
  shell.isUp = true
  for (const effect of pendingEffects(shell.state)) perform(shell, world, effect)
  feed(shell, { type: 'started', at: 0, coinKey: digestOf(world.coin(shell.state.coinsPublished)) })
}

function hearNotice({ world, connection, notice }: Heard): void {
  const { volunteer } = connection
  if (volunteer.connection !== connection) return
  world.feed(volunteer, { type: 'notice', at: 0, notice })
}
