/**
 * The commands of the coordinator's transcripts: `TIME WORD ARGS KEY=VALUE...`
 *
 *   config round.seconds=10        overrides of the example config, before anything else
 *   0 started
 *   5 join ann version=2 token=guess run=other
 *   6 lease ann 1000 round=1 base=other      stepMs or -
 *   9 commit ann 0 2 FIELD=VALUE             lease and steps; any field may lie
 *   9 upload ann 0 payload=other
 *   9 stored 0 / 9 broken 0 REASON           the payload of lease 0
 *   9 leave ann / 9 lost ann / 9 status ann
 *   9 tick / 9 aggregated 0 rejected=1,2 / 9 evaluated 0 1.5
 *   state                                    prints the state
 */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { describe } from '../../coordinator/status.ts'
import { nextDeadline } from '../../coordinator/step.ts'
import type { Notice, Reply, Request } from '../../protocol/messages.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import { blobNamed, digestOfText, exampleConfig } from '../protocol/example-config.ts'
import { type Block, short } from './transcript.ts'

/** A config whose dotted names are overridden: `round.seconds=10`. */
function configOf(line: string): RunConfig {
  const overrides: Record<string, Record<string, unknown>> = {}
  for (const word of line.split(' ').slice(1)) {
    const [path = '', value = ''] = word.split('=')
    const [part = '', field = ''] = path.split('.')
    overrides[part] = { ...overrides[part], [field]: Number.isNaN(+value) ? value : +value }
  }
  return exampleConfig(overrides)
}

export interface Conversation {
  readonly state: CoordinatorState
  /** A state in which nothing has happened yet. */
  fresh(): CoordinatorState
  /** Events of the line; none for `config` and `state`. */
  eventOf(line: string): CoordinatorEvent | null
  /** Prints what came of an event, or the state. */
  print(outcome: Outcome | null): string
}

export function startConversation(blocks: readonly Block[]): Conversation {
  const configLine = blocks.flatMap(({ input }) => input).find((line) => line.startsWith('config'))
  const config = configOf(configLine ?? 'config')
  const runId = runIdOf(config)
  const fresh = () => initialState(config, runId, { base: digestOfText('base'), token: 'letmein' })
  const state = fresh()
  return {
    state,
    fresh,
    eventOf: (line) => eventOf(state, line),
    print: (outcome) => {
      if (outcome === null) return `${describe(state)}\nnext deadline ${nextDeadline(state) ?? '-'}`
      const lines = outcome.effects.map(printEffect)
      if (!outcome.accepted) lines.push('(nothing changed)')
      return lines.join('\n') || '(no effect)'
    },
  }
}

type Words = { word: string; args: string[]; options: Record<string, string> }

function eventOf(state: CoordinatorState, line: string): CoordinatorEvent | null {
  if (line.startsWith('config') || line === 'state') return null
  const [time = '', word = '', ...rest] = line.split(' ')
  const at = Number(time)
  const args = rest.filter((part) => !part.includes('='))
  const options = Object.fromEntries(
    rest.filter((part) => part.includes('=')).map((part) => part.split('=')),
  ) as Record<string, string>
  const [first = '', second = ''] = args
  switch (word) {
    case 'started':
    case 'tick':
      return { type: word, at }
    case 'lost':
      return { type: 'disconnected', at, peer: first }
    case 'stored':
      return { type: 'payload-stored', at, leaseId: Number(first) }
    case 'broken':
      return { type: 'payload-refused', at, leaseId: Number(first), reason: 'not the payload' }
    case 'evaluated':
      return { type: 'evaluated', at, round: Number(first), loss: Number(second) }
    case 'aggregated':
      return aggregatedEvent(at, Number(first), options.rejected?.split(',') ?? [])
    default: {
      const request = requestOf(state, { word, args: args.slice(1), options })
      const signatureValid = options.signature !== 'bad'
      return { type: 'request', at, peer: first, requestId: 0, request, signatureValid }
    }
  }

  function requestOf(state: CoordinatorState, { word, args, options }: Words): Request {
    const { round, base } = state.round.start
    switch (word) {
      case 'join':
        return {
          type: 'join',
          version: Number(options.version ?? 1),
          runId: options.run === undefined ? null : digestOfText(options.run),
          token: options.token ?? 'letmein',
          name: options.name ?? first,
          software: 'test',
        }
      case 'lease':
        return {
          type: 'lease',
          round: Number(options.round ?? round),
          base: options.base === undefined ? base : digestOfText(options.base),
          stepMs: args[0] === '-' ? null : Number(args[0]),
        }
      case 'commit':
        return commitRequest(state, first, args, options)
      case 'upload': {
        const { commitment } = state.leases.get(Number(args[0])) ?? { commitment: null }
        const named = options.payload ?? `payload ${args[0]}`
        const payload = options.payload ? blobNamed(named) : (commitment?.payload ?? blobNamed(''))
        return { type: 'upload', leaseId: Number(args[0]), payload }
      }
      case 'leave':
        return { type: 'leave', reason: 'enough for today' }
      case 'status':
        return { type: 'status' }
      default:
        throw new Error(`no such command: ${line}`)
    }
  }
}

function aggregatedEvent(at: number, round: number, rejected: string[]): CoordinatorEvent {
  return {
    type: 'aggregated',
    at,
    round,
    aggregate: {
      adapter: digestOfText(`adapter ${round + 1}`),
      checkpoint: blobNamed(`checkpoint ${round + 1}`),
      update: blobNamed(`update ${round + 1}`),
      moment: blobNamed(`moment ${round + 1}`),
      outerState: blobNamed(`outer ${round + 1}`),
      manifest: blobNamed(`manifest ${round}`),
      rejected: rejected.map((id) => ({ leaseId: Number(id), reason: 'not finite' })),
    },
  }
}

function commitRequest(
  state: CoordinatorState,
  peer: string,
  [id = '', stepsText = '']: string[],
  lies: Record<string, string>,
): Request {
  const leaseId = Number(id)
  const steps = Number(stepsText)
  const { round, base } = state.round.start
  const payload = blobNamed(`payload ${leaseId}`)
  return {
    type: 'commit',
    contribution: {
      runId: lies.run === undefined ? state.runId : digestOfText(lies.run),
      round: Number(lies.round ?? round),
      leaseId,
      peer: lies.peer ?? peer,
      base: lies.base === undefined ? base : digestOfText(lies.base),
      firstBatch: Number(lies.first ?? state.leases.get(leaseId)?.firstBatch ?? 0),
      steps,
      tokens: Number(lies.tokens ?? steps * 10),
      loss: Number(lies.loss ?? 2),
      trace: Array.from({ length: Number(lies.trace ?? steps) }, (_, k) =>
        digestOfText(`${lies.link ?? leaseId} ${k}`),
      ),
      payload: { ...payload, bytes: Number(lies.bytes ?? payload.bytes) },
      stepMs: Number(lies.stepMs ?? 1000),
    },
    signature: new Uint8Array(64),
  }
}

function printEffect(effect: CoordinatorEffect): string {
  switch (effect.type) {
    case 'reply':
      return `reply ${effect.peer}: ${printReply(effect.reply)}`
    case 'notify':
      return `notify ${effect.to}: ${printNotice(effect.notice)}`
    case 'aggregate': {
      const { round, base, parent, outerScale, contributions } = effect.job
      const ranges = contributions.map(
        ({ leaseId, peer, firstBatch, steps, tokens }) =>
          `\n  lease ${leaseId} ${peer} [${firstBatch},${firstBatch + steps}) ${tokens} tokens`,
      )
      const from = `base ${short(base)} parent ${parent === null ? '-' : short(parent.digest)}`
      return `aggregate round ${round} ${from} scale ${outerScale}${ranges.join('')}`
    }
    case 'evaluate':
      return `evaluate round ${effect.round} adapter ${short(effect.adapter)}`
    case 'disconnect':
      return `disconnect ${effect.peer}: ${effect.reason}`
    case 'log':
      return `${effect.level}: ${effect.text}`
  }
}

function printReply(reply: Reply): string {
  switch (reply.type) {
    case 'joined':
      return `joined round ${reply.start.round} base ${short(reply.start.base)}`
    case 'leased': {
      const { leaseId, firstBatch, steps, stopMs, deadlineMs } = reply
      const range = `[${firstBatch},${firstBatch + steps})`
      return `leased ${leaseId} ${range} stop in ${stopMs} deadline in ${deadlineMs}`
    }
    case 'wait':
      return `wait ${reply.retryMs}: ${reply.reason}`
    case 'refused':
      return `refused ${reply.refusal}: ${reply.reason.replace(/[0-9a-f]{64}/g, short)}`
    case 'status': {
      const { phase, round, batchesCounted, participants, evaluations } = reply.status
      const who = participants.map(({ name, state, countedTokens }) => [name, state, countedTokens])
      const losses = evaluations.map(({ loss }) => loss)
      return `status ${JSON.stringify({ phase, round, batchesCounted, who, losses })}`
    }
    case 'committed':
    case 'go':
      return `${reply.type} ${reply.leaseId}`
    case 'goodbye':
      return reply.type
  }
}

function printNotice(notice: Notice): string {
  switch (notice.type) {
    case 'round':
      return `round ${notice.start.round} base ${short(notice.start.base)}`
    case 'closing':
      return `closing ${notice.round}`
    case 'revoked':
      return `revoked ${notice.leaseId}: ${notice.reason}`
    case 'counted':
      return `counted ${notice.leaseId}: ${notice.tokens} tokens`
    case 'finished':
      return `finished after ${notice.round} rounds with ${short(notice.adapter)}`
    case 'heartbeat':
      return notice.type
  }
}
