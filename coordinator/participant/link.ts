/**
 * The link: connect, join, and again for ever when it breaks. Silence counts as broken, because a
 * dead link says nothing.
 */
import {
  decodeRunConfig,
  digestOf,
  earliest,
  HEARTBEAT_TIMEOUT_MS,
  log,
  PROTOCOL_VERSION,
  ProtocolError,
  type ReplyOf,
  type RunConfig,
  type RunId,
} from '../../protocol/index.ts'
import { ask, exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import {
  backoffMs,
  isAsking,
  isCurrent,
  type KnownRun,
  type ParticipantState,
  wantsLink,
} from './state.ts'
import { followRound } from './work.ts'

/** Connects or joins when it is time to. */
export function advanceLink(state: ParticipantState, at: number): ParticipantEffect[] {
  const { reconnectAt } = state
  if (reconnectAt !== null && at >= reconnectAt && wantsLink(state)) {
    state.link = 'connecting'
    state.reconnectAt = null
    return [{ type: 'connect' }]
  }
  if (isSilent(state, at)) return breakLink(state, at, 'the coordinator is silent')
  const isDue = state.joinAt === null || at >= state.joinAt
  return canJoin(state) && isDue ? [join(state)] : []
}

function canJoin(state: ParticipantState): boolean {
  return state.link === 'connected' && wantsLink(state) && !isAsking(state, 'join')
}

export function linkDeadline(state: ParticipantState): number | null {
  const { link, reconnectAt, heardAt } = state
  if (link === 'connected' || link === 'joined') {
    return earliest(heardAt + HEARTBEAT_TIMEOUT_MS, canJoin(state) ? state.joinAt : null)
  }
  return wantsLink(state) ? reconnectAt : null
}

function isSilent({ link, heardAt }: ParticipantState, at: number): boolean {
  return (link === 'connected' || link === 'joined') && at >= heardAt + HEARTBEAT_TIMEOUT_MS
}

function join(state: ParticipantState): ParticipantEffect {
  const { run, token, session, name, software } = state.options
  const runId = state.run?.runId ?? (run?.length === 64 ? run : null)
  const who = { token, session, name, software }
  return ask(state, { type: 'join' }, { type: 'join', version: PROTOCOL_VERSION, runId, ...who })
}

/** Nothing that was asked will be answered. */
function goOffline(state: ParticipantState, reconnectAt: number): void {
  state.link = 'offline'
  state.joinAt = null
  state.asked.clear()
  // Without the coordinator no data can be fetched: that says nothing against this machine.
  state.workFailures = 0
  state.reconnectAt = reconnectAt
}

/** The link is down. */
export function loseLink(state: ParticipantState, at: number, reason: string): ParticipantEffect[] {
  const wasThere = state.link !== 'connecting'
  const again = connectLater(state, at)
  const what = wasThere ? `disconnected (${reason})` : reason
  const next = wasThere ? 'connecting' : 'trying'
  return [log('info', again === null ? what : `${what}; ${next} ${again}`)]
}

/** The coordinator has no use for us now, and may have later. */
export function waitOutside(
  state: ParticipantState,
  at: number,
  reason: string,
): ParticipantEffect[] {
  const again = connectLater(state, at)
  return [{ type: 'disconnect' }, log('warn', `not let in: ${reason}; asking ${again ?? 'later'}`)]
}

/** When, in words; null where there is no use for a link. */
function connectLater(state: ParticipantState, at: number): string | null {
  state.linkFailures += 1
  const delayMs = backoffMs(state.random, state.linkFailures)
  goOffline(state, at + delayMs)
  return wantsLink(state) ? `again in ${Math.ceil(delayMs / 1000)} s` : null
}

/** The coordinator does not know us any more: at once, but later and later where that goes on. */
export function joinAgain(state: ParticipantState, at: number): void {
  state.link = 'connected'
  state.joinAt = state.rejoins === 0 ? null : at + backoffMs(state.random, state.rejoins)
  state.rejoins += 1
}

/** Nothing is wrong with it, but it is of no use: hangs up, to connect at once when it is. */
export function hangUp(state: ParticipantState, at: number): ParticipantEffect {
  goOffline(state, at)
  return { type: 'disconnect' }
}

/** A link that was there before the machine slept is dead, whatever it looks like. */
export function onWoke(state: ParticipantState, at: number): ParticipantEffect[] {
  const effects: ParticipantEffect[] = [log('info', 'this machine slept')]
  if (state.link === 'connected' || state.link === 'joined') effects.push(hangUp(state, at))
  retryLinkNow(state, at)
  return effects
}

/** The failures so far say nothing about now. */
export function retryLinkNow(state: ParticipantState, at: number): void {
  state.linkFailures = 0
  if (state.reconnectAt !== null) state.reconnectAt = at
}

/** Hangs up first. */
export function breakLink(
  state: ParticipantState,
  at: number,
  reason: string,
): ParticipantEffect[] {
  return [{ type: 'disconnect' }, ...loseLink(state, at, reason)]
}

export function onJoined(
  state: ParticipantState,
  { runConfig, start, mirrors = [] }: ReplyOf<'joined'>,
): ParticipantEffect[] {
  const { runId, config } = readRun(runConfig, state.options.known)
  const wanted = state.run?.runId ?? state.options.run ?? ''
  if (!runId.startsWith(wanted)) {
    return exit(state, 'refused', `the coordinator hosts run ${runId}, not ${wanted}`)
  }
  if (state.run === null) {
    if (typeof config === 'string') return exit(state, 'failed', config)
    state.run = { config, runId, mirrors }
  }
  // A run has other mirrors as it goes on.
  state.run.mirrors = mirrors
  state.link = 'joined'
  state.joinAt = null
  state.linkFailures = 0
  // A round that went on without us is worth asking in at once; an old one keeps its pause.
  if (!isCurrent(state, start)) state.askAt = null
  const effects = followRound(state, start)
  state.mustConfirmWork = state.work !== null && !state.work.isStopping
  return [log('info', `joined run ${state.run.config.name}`), ...effects]
}

/** Its config, or why this software cannot take part. */
function readRun(
  bytes: Uint8Array,
  known: KnownRun | undefined,
): { runId: RunId; config: RunConfig | string } {
  return known?.bytes === bytes ? known : { runId: digestOf(bytes), config: decodedConfig(bytes) }
}

function decodedConfig(bytes: Uint8Array): RunConfig | string {
  try {
    return decodeRunConfig(bytes)
  } catch (error) {
    if (error instanceof ProtocolError) return error.message
    throw error
  }
}
