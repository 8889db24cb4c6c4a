/**
 * The link: connect, join, and again for ever when it breaks. Silence counts as broken, because a
 * dead link says nothing.
 */
import { digestOf } from '../protocol/digest.ts'
import { ProtocolError } from '../protocol/errors.ts'
import { HEARTBEAT_TIMEOUT_MS, PROTOCOL_VERSION } from '../protocol/limits.ts'
import type { ReplyOf } from '../protocol/messages.ts'
import { decodeRunConfig, type RunConfig, type RunId } from '../protocol/run-config.ts'
import type { ParticipantEffect } from './effect.ts'
import { log } from './outcome.ts'
import { ask, exit } from './participant-effects.ts'
import {
  backoffMs,
  isAsking,
  isCurrent,
  type ParticipantState,
  wantsLink,
} from './participant-state.ts'
import { followRound } from './participant-work.ts'

/** Connects or joins when it is time to. */
export function advanceLink(state: ParticipantState, at: number): ParticipantEffect[] {
  const { reconnectAt } = state
  if (reconnectAt !== null && at >= reconnectAt && wantsLink(state)) {
    state.link = 'connecting'
    state.reconnectAt = null
    return [{ type: 'connect' }]
  }
  if (isSilent(state, at)) return breakLink(state, at, 'the coordinator is silent')
  const canJoin = state.link === 'connected' && wantsLink(state)
  return canJoin && !isAsking(state, 'join') ? [join(state)] : []
}

export function linkDeadline(state: ParticipantState): number | null {
  const { link, reconnectAt, heardAt } = state
  if (link === 'connected' || link === 'joined') return heardAt + HEARTBEAT_TIMEOUT_MS
  return wantsLink(state) ? reconnectAt : null
}

function isSilent({ link, heardAt }: ParticipantState, at: number): boolean {
  return (link === 'connected' || link === 'joined') && at >= heardAt + HEARTBEAT_TIMEOUT_MS
}

function join(state: ParticipantState): ParticipantEffect {
  const { run, token, name, software } = state.options
  const runId = state.run?.runId ?? (run?.length === 64 ? run : null)
  const request = { type: 'join', version: PROTOCOL_VERSION, runId, token, name, software } as const
  return ask(state, { type: 'join' }, request)
}

/** Nothing that was asked will be answered. */
function goOffline(state: ParticipantState, reconnectAt: number): void {
  state.link = 'offline'
  state.asked.clear()
  // Without the coordinator no data can be fetched: that says nothing against this machine.
  state.workFailures = 0
  state.reconnectAt = reconnectAt
}

/** The link is down. */
export function loseLink(state: ParticipantState, at: number, reason: string): ParticipantEffect[] {
  state.linkFailures += 1
  const delayMs = backoffMs(state.random, state.linkFailures)
  goOffline(state, at + delayMs)
  if (!wantsLink(state)) return [log('info', `disconnected (${reason})`)]
  const seconds = Math.ceil(delayMs / 1000)
  return [log('info', `disconnected (${reason}); connecting again in ${seconds} s`)]
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
  { runConfig, start }: ReplyOf<'joined'>,
): ParticipantEffect[] {
  const { runId, config } = readRun(runConfig)
  const wanted = state.run?.runId ?? state.options.run ?? ''
  if (!runId.startsWith(wanted)) {
    return exit(state, 'refused', `the coordinator hosts run ${runId}, not ${wanted}`)
  }
  if (state.run === null) {
    if (typeof config === 'string') return exit(state, 'failed', config)
    state.run = { config, runId }
  }
  state.link = 'joined'
  state.linkFailures = 0
  // A round that went on without us is worth asking in at once; an old one keeps its pause.
  if (!isCurrent(state, start)) state.askAt = null
  const effects = followRound(state, start)
  state.mustConfirmWork = state.work !== null && !state.work.isStopping
  return [log('info', `joined run ${state.run.config.name}`), ...effects]
}

interface ReadRun {
  runId: RunId
  /** Or why this software cannot take part. */
  config: RunConfig | string
}

/** The same bytes say the same to all who join in one process, as a simulated crowd does. */
const readBefore = new WeakMap<Uint8Array, ReadRun>()

function readRun(bytes: Uint8Array): ReadRun {
  const before = readBefore.get(bytes)
  if (before !== undefined) return before
  const read = { runId: digestOf(bytes), config: decodedConfig(bytes) }
  readBefore.set(bytes, read)
  return read
}

function decodedConfig(bytes: Uint8Array): RunConfig | string {
  try {
    return decodeRunConfig(bytes)
  } catch (error) {
    if (error instanceof ProtocolError) return error.message
    throw error
  }
}
