/**
 * The commands of the coordinator's transcripts: `TIME WORD ARGS KEY=VALUE...`
 *
 *   config round.seconds=10        overrides of the example config, before anything else
 *   config admission.allowed=ann,  a list has a comma
 *   config delivered=ann,bob       who has delivered in this run before
 *   config scored=2 [asked=20]     adapters are scored every 2 rounds, on 20 questions by members
 *   config proven=ann,bob          who has, and was found right so often that it is proven
 *   0 started
 *   5 join ann version=1 token=guess run=other session=2
 *   6 lease ann 1000 round=1 base=other      stepMs or -
 *   9 commit ann 0 2 FIELD=VALUE             lease and steps; any field may lie
 *   9 upload ann 0 payload=other
 *   9 stored 0 / 9 broken 0 REASON           the payload of lease 0
 *   9 fail ann 0 [machine] reason=bad-row
 *   9 leave ann / 9 lost ann / 9 status ann
 *   9 commit ann 0 2 draw=full bad=1         full, quarter, look, canary or none; lies from bad on
 *   9 audit ann 5 [bad=1 steps=2 tokens=-]   the answer to audit 5; `-` leaves a field out
 *   9 audited 5 [bad=1 steps=2 failed=yes]   the coordinator's own
 *   9 coin [first|other]                     the key is published
 *   9 join ann invite=NAME [expired=yes]
 *   9 invite NAME [members=2] / 9 revoke NAME / 9 allow ann
 *   9 kick ann reason=lies / 9 unban ann / 9 rewind 1
 *   9 tick / 9 evaluated 0 1.5 general=3.6
 *   9 score ann 5 [lie=1 rows=2]             what ann makes of the rows of 5; of row `lie` a lie
 *   9 piece 0 [adapter=other] / 9 piece 0 failed=slow          the coordinator's own rows
 *   9 scored 0 acc=0.5 norm=0.4 exact=0.1 [adapter=other] / 9 scored 0 failed=slow
 *   9 aggregated 0 rejected=1,2 contrary=3,4 attempt=1 losses=2,3
 *   state                                    prints the state
 */
import type { CoordinatorEvent, KnownRequest } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import { PROVEN_MIN, recordOf } from '../../coordinator/record.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { nextDeadline } from '../../coordinator/step.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'
import { coinKey, coinPublished, type Drawn, drawn, startedAfter } from './coin.ts'
import { describe } from './describe.ts'
import { printEffect } from './print-effect.ts'
import { outcomesOf, pieceEvent, scoredEvent } from './scores-language.ts'
import { type Block, type Words, wordsOf } from './transcript.ts'

/** A config whose dotted names are overridden: `round.seconds=10`. */
function configOf(line: string): RunConfig {
  const overrides: Record<string, Record<string, unknown>> = {}
  for (const word of line.split(' ').slice(1)) {
    if (/^(delivered|proven)=/.test(word)) continue
    if (word.startsWith('scored=')) {
      overrides.scoring = { ...SCORING, everyRounds: Number(word.split('=')[1]) }
      continue
    }
    if (word.startsWith('asked=')) {
      const questions = Number(word.split('=')[1])
      overrides.scoring = { ...overrides.scoring, questions, asked: blobNamed('asked') }
      continue
    }
    const [path = '', value = ''] = word.split('=')
    const [part = '', field = ''] = path.split('.')
    overrides[part] = { ...overrides[part], [field]: settingOf(value) }
  }
  return exampleConfig(overrides)
}

const SCORING = { rows: blobNamed('rows'), questions: 4, prompts: 2, contextTokens: 32 }

function settingOf(text: string): string | number | string[] {
  if (text.includes(',')) return text.split(',').filter((item) => item !== '')
  return Number.isNaN(+text) ? text : +text
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
  const named = (word: string): string[] =>
    new RegExp(` ${word}=(\\S+)`).exec(configLine ?? '')?.[1]?.split(',') ?? []
  const [delivered, proven] = [named('delivered'), named('proven')]
  const runId = runIdOf(config)
  const fresh = () => {
    const state = initialState(config, runId, {
      base: digestOfText('base'),
      payloadBytes: PAYLOAD_BYTES,
    })
    for (const peer of [...delivered, ...proven]) recordOf(state, peer).hasDelivered = true
    for (const peer of proven) recordOf(state, peer).verifiedInARow = PROVEN_MIN
    return state
  }
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

function eventOf(state: CoordinatorState, line: string): CoordinatorEvent | null {
  if (line.startsWith('config') || line === 'state') return null
  const { at, word, args, options } = wordsOf(line)
  const [first = '', second = ''] = args
  switch (word) {
    case 'started':
      return { ...startedAfter(state.coinsPublished), at }
    case 'coin':
      return coinEvent(state, at, first)
    case 'audited':
      return auditedEvent(state, at, Number(first), options)
    case 'tick':
      return { type: word, at }
    case 'lost':
      return { type: 'disconnected', at, peer: first }
    case 'stored':
      return { type: 'payload-stored', at, leaseId: Number(first) }
    case 'broken':
      return { type: 'payload-refused', at, leaseId: Number(first), reason: 'not the payload' }
    case 'evaluated':
      return evaluatedEvent(at, Number(first), Number(second), options.general)
    case 'piece':
      return pieceEvent(state, at, Number(first), options)
    case 'scored':
      return scoredEvent(state, at, Number(first), options)
    case 'aggregated':
      return aggregatedEvent(state, at, Number(first), options)
    case 'kick':
      return { type: 'kicked', at, peer: first, reason: options.reason ?? 'the organiser said so' }
    case 'rewind':
      return { type: 'rewound', at, round: Number(first) }
    case 'invite': {
      const membersMax = options.members === undefined ? null : Number(options.members)
      return { type: 'invited', at, terms: { name: first, expiresAt: null, membersMax } }
    }
    case 'revoke':
      return { type: 'invite-revoked', at, name: first }
    case 'allow':
      return { type: 'allowed', at, peer: first }
    case 'unban':
      return { type: 'unbanned', at, peer: first }
    default: {
      const request = requestOf(state, { word, args: args.slice(1), options })
      const genuine = options.signature !== 'bad' && options.token !== 'guess'
      const event = { type: 'request', at, peer: first, requestId: 0, request, genuine } as const
      if (word === 'join') return { ...event, ...comingOf(options) }
      if (word !== 'commit') return event
      return { ...event, draw: drawn((options.draw ?? 'none') as Drawn, Number(second)) }
    }
  }

  function requestOf(
    state: CoordinatorState,
    { word, args, options }: Omit<Words, 'at'>,
  ): KnownRequest {
    const { round, base } = state.round.start
    switch (word) {
      case 'join':
        return {
          type: 'join',
          version: Number(options.version ?? PROTOCOL_VERSION),
          runId: options.run === undefined ? null : digestOfText(options.run),
          session: Number(options.session ?? 1),
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
      case 'audit':
        return answerRequest(state, first, args, options)
      case 'score': {
        const leaseId = Number(args[0])
        return { type: 'score', leaseId, outcomes: outcomesOf(state, leaseId, options) }
      }
      case 'upload': {
        const { commitment } = state.leases.get(Number(args[0])) ?? { commitment: null }
        const named = options.payload ?? `payload ${args[0]}`
        const payload = options.payload ? blobNamed(named) : (commitment?.payload ?? blobNamed(''))
        return { type: 'upload', leaseId: Number(args[0]), payload }
      }
      case 'fail': {
        const cause = args[1] === 'machine' ? 'machine' : 'training'
        return {
          type: 'fail',
          leaseId: Number(args[0]),
          cause,
          reason: options.reason ?? 'bad-row',
        }
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

/** Where one that joins comes from, and by which invite. */
function comingOf({ origin, block = origin, invite, expired }: Record<string, string>) {
  return {
    ...(origin !== undefined && { origin }),
    ...(block !== undefined && { block }),
    ...(invite !== undefined && { invite: { name: invite, isExpired: expired !== undefined } }),
  }
}

function coinEvent({ coinsPublished }: CoordinatorState, at: number, which: string) {
  const event = coinPublished(at, coinsPublished)
  if (which === 'other') return { ...event, key: new Uint8Array(1) }
  return which === 'first' ? { ...event, key: coinKey(0) } : event
}

function evaluatedEvent(
  at: number,
  round: number,
  loss: number,
  general: string | undefined,
): CoordinatorEvent {
  const event: CoordinatorEvent = { type: 'evaluated', at, round, loss }
  return general === undefined ? event : { ...event, generalLoss: Number(general) }
}

/** What comes of steps of a lease: from the link `bad` on, something else. */
function linksOf(leaseId: number, steps: number, { link, bad }: Record<string, string>): string[] {
  const from = Number(bad ?? (link === undefined ? Number.POSITIVE_INFINITY : 0))
  return Array.from({ length: steps }, (_, k) =>
    digestOfText(k >= from ? `${link ?? 'lie'} ${k}` : `${leaseId} ${k}`),
  )
}

function resultOf(state: CoordinatorState, auditId: number, lies: Record<string, string>) {
  const { leaseId, steps, kind } = state.audits.get(auditId) ?? {
    leaseId: 0,
    steps: 1,
    kind: 'look',
  }
  const done = Number(lies.steps ?? steps)
  const isWhole = kind === 'full' && done === steps
  const named = `payload ${lies.bad === undefined ? leaseId : 'lie'}`
  return {
    trace: linksOf(leaseId, done, lies),
    payload: unlessSaid(lies.payload, digestOfText, isWhole ? digestOfText(named) : null),
    tokens: unlessSaid(lies.tokens, Number, isWhole ? steps * 10 : null),
  }
}

/** What a command says of a field; `-` is nothing. */
function unlessSaid<T>(said: string | undefined, read: (text: string) => T, otherwise: T | null) {
  if (said === undefined) return otherwise
  return said === '-' ? null : read(said)
}

function auditedEvent(
  state: CoordinatorState,
  at: number,
  auditId: number,
  lies: Record<string, string>,
): CoordinatorEvent {
  const result = lies.failed === undefined ? resultOf(state, auditId, lies) : null
  return { type: 'audited', at, auditId, result }
}

function answerRequest(
  state: CoordinatorState,
  peer: string,
  [id = '']: string[],
  lies: Record<string, string>,
): KnownRequest {
  const leaseId = Number(id)
  const runId = lies.run === undefined ? state.runId : digestOfText(lies.run)
  const result = resultOf(state, leaseId, lies)
  const answer = { runId, leaseId, peer: lies.peer ?? peer, ...result }
  return { type: 'audit', answer, signature: new Uint8Array(64) }
}

function lossesOf(text: string): { before: number; after: number } {
  const [before = 0, after = 0] = text.split(',').map(Number)
  return { before, after }
}

function aggregatedEvent(
  state: CoordinatorState,
  at: number,
  round: number,
  { rejected, contrary, attempt, losses }: Record<string, string>,
): CoordinatorEvent {
  return {
    type: 'aggregated',
    at,
    round,
    attempt: Number(attempt ?? state.mergesAsked),
    aggregate: {
      adapter: digestOfText(`adapter ${round + 1}`),
      checkpoint: blobNamed(`checkpoint ${round + 1}`),
      update: blobNamed(`update ${round + 1}`),
      moment: blobNamed(`moment ${round + 1}`),
      outerState: blobNamed(`outer ${round + 1}`),
      manifest: blobNamed(`manifest ${round}`),
      ...(losses !== undefined && { losses: lossesOf(losses) }),
      rejected: (rejected?.split(',') ?? []).map((id) => ({
        leaseId: Number(id),
        reason: 'not finite',
      })),
      contrary: contrary?.split(',').map(Number) ?? [],
    },
  }
}

function commitRequest(
  state: CoordinatorState,
  peer: string,
  [id = '', stepsText = '']: string[],
  lies: Record<string, string>,
): KnownRequest {
  const leaseId = Number(id)
  const steps = Number(stepsText)
  const { round, base } = state.round.start
  const payload = blobNamed(`payload ${lies.as ?? (lies.bad === undefined ? leaseId : 'lie')}`)
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
      trace: linksOf(leaseId, Number(lies.trace ?? steps), lies),
      payload: { ...payload, bytes: Number(lies.bytes ?? payload.bytes) },
      stepMs: Number(lies.stepMs ?? 1000),
    },
    signature: new Uint8Array(64),
  }
}
