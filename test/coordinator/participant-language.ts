/**
 * The commands of the participant's transcripts, `TIME WORD ARGS`:
 *
 *   started / connected / disconnected / set-up / tick
 *   pause / resume / finish / leave / woke
 *   prepared 0                         the base of round 0
 *   failed prepare [fatal]
 *   step 3 500 / trained 3 4 / empty 3 / untrained 3    `empty`: ended before a step
 *   audited 9 1 / unaudited 9          with so many links
 *   scored 9 / unscored 9
 *   uploaded 3 / not-uploaded 3 [REFUSAL]
 *   >joined 0 [run=other] / >leased 3 [steps=4 stop=60000 round=0] / >wait 1000 / >committed 3
 *   >audit 9 [kind=full steps=4 round=0] / >audited 9 / >score 9 [rows=1] / >scored 9
 *   >released 3 / >goodbye / >refused REFUSAL / >failed     `>`: the answer to the oldest question
 *   !round 1 / !closing 0 / !revoked 3 / !counted 3 / !finished 2 / !heartbeat / !work / !wrong 3
 *   state                              prints the state
 */

import { activityOf } from '../../coordinator/participant/activity.ts'
import type { ParticipantEffect } from '../../coordinator/participant/effect.ts'
import type { ParticipantEvent } from '../../coordinator/participant/event.ts'
import { createParticipant, type ParticipantState } from '../../coordinator/participant/state.ts'
import {
  nextDeadline as participantDeadline,
  step as participantStep,
} from '../../coordinator/participant/step.ts'
import type {
  Contribution,
  Notice,
  Refusal,
  Reply,
  Request,
  RoundStart,
} from '../../protocol/messages.ts'
import { encodeRunConfig, runIdOf } from '../../protocol/run-config.ts'
import { blobNamed, digestOfText, exampleConfig } from '../protocol/example-config.ts'
import { short, wordsOf } from './transcript.ts'

const config = exampleConfig()
const runId = runIdOf(config)

export function newParticipant(): ParticipantState {
  const options = { peer: 'ann', name: 'ann', software: 'test', run: runId.slice(0, 16) }
  return createParticipant({ ...options, token: 'letmein', session: 1, seed: 1 })
}

/** Plays one command and prints what came of it. */
export function playCommand(state: ParticipantState, line: string): string {
  if (line === 'state') return describe(state)
  return participantStep(state, eventOf(state, line)).map(printEffect).join('\n') || '(nothing)'
}

export function eventOf(state: ParticipantState, line: string): ParticipantEvent {
  const { at, word, args, options } = wordsOf(line)
  const [first = '', second = ''] = args
  const leaseId = Number(first)
  if (word.startsWith('>')) return answerTo(state, at, word.slice(1), first, options)
  if (word.startsWith('!')) return { type: 'notice', at, notice: noticeOf(word.slice(1), first) }
  switch (word) {
    case 'started':
    case 'connected':
    case 'set-up':
    case 'tick':
    case 'resume':
    case 'woke':
      return { type: word, at }
    case 'disconnected':
      return { type: word, at, reason: 'broken pipe' }
    case 'prepared':
      return { type: word, at, round: Number(first), base: baseOf(Number(first)) }
    case 'failed': {
      const what = first === 'set-up' ? 'set-up' : 'prepare'
      return { type: word, at, what, reason: 'no such luck', fatal: second === 'fatal' }
    }
    case 'step':
      return { type: 'step-done', at, leaseId, steps: 1, stepMs: Number(second) }
    case 'trained': {
      const contribution = contributionOf(state, leaseId, Number(second))
      return { type: word, at, leaseId, contribution, signature: new Uint8Array(64) }
    }
    case 'empty':
      return { type: 'training-empty', at, leaseId }
    case 'untrained':
      return {
        type: 'training-failed',
        at,
        leaseId,
        cause: 'training',
        reason: 'not a number',
      }
    case 'audited': {
      const trace = Array.from({ length: Number(second) }, (_, k) => digestOfText(`audit ${k}`))
      const answer = { runId, leaseId, peer: 'ann', trace, payload: null, tokens: null }
      return { type: word, at, answer, signature: new Uint8Array(64) }
    }
    case 'scored':
      return { type: word, at, leaseId, outcomes: [[1, 0]] }
    case 'unscored':
      return { type: 'scoring-failed', at, leaseId, reason: 'too little memory' }
    case 'unaudited':
      return { type: 'audit-failed', at, leaseId, reason: 'broken pipe' }
    case 'uploaded':
      return { type: word, at, leaseId }
    case 'not-uploaded': {
      const refusal = second === '' ? {} : { refusal: second as Refusal }
      return { type: 'upload-failed', at, leaseId, reason: 'broken pipe', ...refusal }
    }
    case 'pause':
      return { type: word, at, reason: 'on battery' }
    case 'finish':
    case 'leave':
      return { type: word, at, reason: 'enough' }
    default:
      throw new Error(`no such command: ${line}`)
  }
}

const baseOf = (round: number): string => digestOfText(`base ${round}`)

function startOf(round: number): RoundStart {
  const from = round === 0 ? null : blobNamed(`checkpoint ${round}`)
  const base = baseOf(round)
  return { round, base, checkpoint: from, update: from, moment: from, learningRate: 0.01 }
}

/** The lease of the work in progress, or what it would be in the round that goes on. */
function contributionOf(state: ParticipantState, leaseId: number, steps: number): Contribution {
  const round = state.work?.lease.round ?? state.start?.round ?? 0
  return {
    runId,
    round,
    leaseId,
    steps,
    peer: 'ann',
    base: baseOf(round),
    firstBatch: 0,
    tokens: steps,
    loss: 1,
    trace: Array.from({ length: steps }, (_, k) => digestOfText(`${leaseId} ${k}`)),
    payload: blobNamed(`payload ${leaseId}`),
    stepMs: 500,
  }
}

function answerTo(
  state: ParticipantState,
  at: number,
  word: string,
  arg: string,
  options: Record<string, string>,
): ParticipantEvent {
  const [requestId = -1] = state.asked.keys()
  if (word === 'failed') return { type: 'request-failed', at, requestId, reason: 'timeout' }
  return { type: 'reply', at, requestId, reply: replyOf(word, arg, options) }
}

function replyOf(word: string, arg: string, options: Record<string, string>): Reply {
  switch (word) {
    case 'joined': {
      const hosted = options.run === undefined ? config : exampleConfig({ name: options.run })
      const runConfig = options.run === 'broken' ? new Uint8Array(1) : encodeRunConfig(hosted)
      return { type: 'joined', runConfig, start: startOf(Number(arg)) }
    }
    case 'leased': {
      const round = Number(options.round ?? 0)
      const stopMs = Number(options.stop ?? 60_000)
      return {
        type: 'leased',
        leaseId: Number(arg),
        round,
        base: baseOf(round),
        firstBatch: 0,
        steps: Number(options.steps ?? 4),
        learningRate: 0.01,
        stopMs,
        deadlineMs: stopMs + 10_000,
      }
    }
    case 'audit':
      return {
        type: 'audit',
        leaseId: Number(arg),
        start: startOf(Number(options.round ?? 0)),
        firstBatch: 12,
        kind: options.kind === 'full' ? 'full' : 'look',
        steps: Number(options.steps ?? 1),
        seed: digestOfText('seed'),
        deadlineMs: 24_000,
      }
    case 'score':
      return {
        type: 'score',
        leaseId: Number(arg),
        adapter: baseOf(0),
        checkpoint: null,
        first: 8,
        rows: Number(options.rows ?? 1),
      }
    case 'wait':
      return { type: 'wait', reason: 'all leased', retryMs: Number(arg) }
    case 'committed':
    case 'audited':
    case 'scored':
    case 'released':
    case 'go':
      return { type: word, leaseId: Number(arg) }
    case 'goodbye':
      return { type: 'goodbye' }
    case 'refused':
      return { type: 'refused', refusal: arg as Refusal, reason: 'because' }
    default:
      throw new Error(`no such reply: ${word}`)
  }
}

function noticeOf(word: string, arg: string): Notice {
  const number = Number(arg)
  switch (word) {
    case 'round':
      return { type: 'round', start: startOf(number) }
    case 'closing':
      return { type: 'closing', round: number }
    case 'revoked':
      return { type: 'revoked', leaseId: number, reason: 'its deadline has passed' }
    case 'counted':
      return { type: 'counted', leaseId: number, tokens: 40 }
    case 'finished':
      return {
        type: 'finished',
        round: number,
        adapter: baseOf(number),
        reason: 'all batches are counted',
      }
    case 'work':
    case 'heartbeat':
      return { type: word }
    case 'wrong':
      return { type: 'wrong', leaseId: number, reason: 'others get another result' }
    default:
      throw new Error(`no such notice: ${word}`)
  }
}

function printEffect(effect: ParticipantEffect): string {
  switch (effect.type) {
    case 'request':
      return `ask: ${printRequest(effect.request)}`
    case 'set-up':
      return `set up ${effect.config.name}`
    case 'prepare':
      return `prepare round ${effect.start.round} base ${short(effect.start.base)}`
    case 'train':
      return `train lease ${effect.lease.leaseId} of round ${effect.start.round}`
    case 'audit': {
      const { leaseId, kind, steps, start } = effect.offer
      return `audit ${leaseId}, ${kind} of ${steps} steps of round ${start.round}`
    }
    case 'score': {
      const { leaseId, first, rows } = effect.offer
      return `score ${leaseId}, rows ${first} to ${first + rows - 1}`
    }
    case 'stop-training':
      return `stop-training ${effect.leaseId}${effect.when === 'now' ? ' now' : ''}`
    case 'abandon-training':
    case 'upload':
      return `${effect.type} ${effect.leaseId}`
    case 'exit':
      return `exit ${effect.outcome}: ${effect.reason.replace(/[0-9a-f]{16,64}/g, short)}`
    case 'log':
      return `${effect.level}: ${effect.text}`
    case 'connect':
    case 'disconnect':
      return effect.type
  }
}

function printRequest(request: Request): string {
  switch (request.type) {
    case 'join':
      return `join ${request.runId === null ? 'any run' : short(request.runId)}`
    case 'lease':
      return `lease in round ${request.round}, step ${request.stepMs ?? '?'} ms`
    case 'commit': {
      const { leaseId, steps } = request.contribution
      return `commit ${steps} steps of lease ${leaseId}`
    }
    case 'audit':
      return `answer audit ${request.answer.leaseId}, ${request.answer.trace.length} links`
    case 'score':
      return `answer scores ${request.leaseId}, ${request.outcomes.length} rows`
    case 'leave':
      return `leave, ${request.reason}`
    case 'fail':
      return `fail lease ${request.leaseId}, ${request.cause}: ${request.reason}`
    default:
      return request.type
  }
}

const DOING = { audit: 'auditing', score: 'scoring' } as const

function describe(state: ParticipantState): string {
  const { start, prepared, work, sideWork, handIns, askAt } = state
  const training =
    work === null ? '-' : `${work.lease.leaseId}${work.isStopping ? ' stopping' : ''}`
  const auditing = sideWork === null ? '' : ` ${DOING[sideWork.type]}=${sideWork.leaseId}`
  const handing = handIns.map(({ contribution, stage }) => `${contribution.leaseId} ${stage}`)
  return (
    `${state.link}, ${activityOf(state)}: ` +
    `round=${start?.round ?? '-'} prepared=${prepared?.round ?? '-'} ` +
    `training=${training}${auditing} handing in=${handing.join(', ') || '-'} ` +
    `ask at=${askAt ?? '-'} ` +
    `deadline=${participantDeadline(state) ?? '-'}`
  )
}
