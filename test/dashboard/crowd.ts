/** A coordinator's read model with a crowd in it: real events of volunteers that are made up. */
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { initialState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { createReadModel, type ReadModel } from '../../node/history/read-model.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type { Reply, Request } from '../../protocol/messages.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import type { Scores } from '../../protocol/scores.ts'
import { runWith } from '../../simulations/run-settings.ts'
import { digestOfText } from '../../simulations/work-done.ts'
import { requestEvent, STARTED } from '../coordinator/coin.ts'

/** What is measured of an adapter beside its loss. */
interface Beside {
  rated: { accuracy: number; margin: number }
  scores: Scores
}

export interface Crowd {
  model: ReadModel
  /** Each volunteer is leased a step, and hands it in. */
  work(): void
  /**
   * What was handed in is merged, with a loss that falls where none is given, and what else is
   * measured of the adapter.
   */
  merge(loss?: number, beside?: Beside): void
}

/** What the base has where a crowd is scored. */
const BEFORE: Beside = { rated: { accuracy: 0, margin: 0 }, scores: { acc: 0.5, accNorm: 0.25 } }

const WORK_MS = 20_000
const STEP_MS = 1_500

export function createCrowd(
  volunteerCount: number,
  nameOf = (index: number) => `volunteer ${index}`,
  isScored = false,
): Crowd {
  // Nobody repeats what is made up.
  const settings = runWith({ audit: { trust: 'everyone' }, round: { stepsMax: 1, seconds: 3600 } })
  const [rows, everyRounds] = [{ digest: digestOfText('rows'), bytes: 1 }, 1]
  const scoring = { rows, questions: 4, prompts: 0, contextTokens: 32, everyRounds }
  const config = isScored ? Object.assign(settings, { scoring }) : settings
  const runId = runIdOf(config)
  const blob = (name: string) => ({ digest: digestOfText(name), bytes: 1_600_000 })
  const state = initialState(config, runId, {
    base: digestOfText('base'),
    payloadBytes: blob('').bytes,
  })
  const model = createReadModel(state)
  const peers = Array.from({ length: volunteerCount }, (_, index) => `peer-${index}`)
  let [at, seq] = [0, 0]

  function feed(event: CoordinatorEvent): Reply | null {
    const { accepted, effects } = step(state, event)
    seq += Number(accepted)
    model.observe(seq, event, effects)
    const reply = effects.find((effect) => effect.type === 'reply')
    return reply === undefined ? null : reply.reply
  }
  function ask(peer: string, request: Request): Reply | null {
    return feed(requestEvent(at, peer, request))
  }
  function workOf(peer: string): void {
    const { round, base } = state.round.start
    const lease = ask(peer, { type: 'lease', round, base, stepMs: STEP_MS })
    if (lease?.type !== 'leased') throw new Error(`${peer} gets no lease: ${lease?.type}`)
    const { leaseId, firstBatch, steps } = lease
    const payload = blob(`payload ${leaseId}`)
    const done = { runId, round, base, peer, leaseId, firstBatch, steps, payload, stepMs: STEP_MS }
    const trace = [digestOfText(`trace ${leaseId}`)]
    const contribution = { ...done, trace, tokens: 1000, loss: 4 / (1 + round / 10) }
    ask(peer, { type: 'commit', contribution, signature: new Uint8Array(64) })
    feed({ type: 'payload-stored', at, leaseId })
  }
  function measure(round: number, adapter: string, loss: number, beside?: Beside): void {
    feed({ type: 'evaluated', at, round, loss, ...beside?.rated })
    if (beside === undefined) return
    feed({ type: 'scored', at, round, adapter, scores: beside.scores, reason: null })
  }

  feed({ ...STARTED, at })
  measure(0, state.round.start.base, 4.2, isScored ? BEFORE : undefined)
  for (const [index, peer] of peers.entries()) {
    const who = { name: nameOf(index), software: 'crowd' }
    ask(peer, {
      type: 'join',
      version: PROTOCOL_VERSION,
      session: 1,
      runId: null,
      token: '',
      ...who,
    })
  }
  return {
    model,
    work: () => {
      at += WORK_MS
      peers.forEach(workOf)
    },
    merge: (loss, beside) => {
      for (const time of [state.round.boxEndsAt, state.round.closesAt]) {
        if (state.phase !== 'training') break
        at = time ?? state.round.closesAt ?? at
        feed({ type: 'tick', at })
      }
      const { round } = state.round.start
      const of = (name: string) => blob(`${name} ${round + 1}`)
      const aggregate = {
        adapter: of('adapter').digest,
        checkpoint: of('adapter'),
        update: of('update'),
        moment: of('moment'),
        outerState: of('outer'),
        manifest: of('manifest'),
        rejected: [],
        contrary: [],
      }
      feed({ type: 'aggregated', at, round, attempt: state.mergesAsked, aggregate })
      const measured = loss ?? 4 / (1 + round / 10)
      measure(round + 1, aggregate.adapter, measured, beside)
    },
  }
}
