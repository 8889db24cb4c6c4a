/**
 * What happens in a run, told in facts: the live view shows them, `--json` prints them, one a line.
 */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { PeerId, RunStatus } from '../../protocol/messages.ts'

export type Progress =
  /** `page` is where volunteers train, `admin` where the organiser sees the link. */
  | ({ type: 'ready'; link: string; runId: string; run: string } & Addresses)
  | { type: 'joined'; peer: PeerId; name: string; here: number }
  | { type: 'away'; peer: PeerId; name: string; here: number }
  | { type: 'leased'; peer: PeerId; name: string; round: number; firstBatch: number; steps: number }
  | { type: 'committed'; peer: PeerId; name: string; round: number; steps: number; loss: number }
  | { type: 'counted'; peer: PeerId; name: string; round: number; tokens: number }
  | { type: 'refused'; peer: PeerId; name: string; refusal: string; reason: string }
  | { type: 'revoked'; peer: PeerId; name: string; reason: string }
  | { type: 'round'; round: number; roundsMax: number; batchesCounted: number; tokens: number }
  | { type: 'evaluated'; round: number; loss: number; perplexity: number }
  | { type: 'finished'; round: number; adapter: string }
  /** Where the run stands, every so often. */
  | ({ type: 'status' } & Standing)
  /** The run is over, its adapter is in a folder, and the pages stay. */
  | { type: 'staying'; adapter: string }

/** Of pages; null where none are served. */
export interface Addresses {
  page: string | null
  admin: string | null
}

/** The figures of the live view's bottom line. */
export type Standing = Pick<
  RunStatus,
  'phase' | 'round' | 'roundsMax' | 'batchesCounted' | 'batchesMax' | 'countedTokens'
> & { here: number }

export function standingOf(status: RunStatus): Standing {
  const { phase, round, roundsMax, batchesCounted, batchesMax, countedTokens } = status
  const here = hereCount(status)
  return { phase, round, roundsMax, batchesCounted, batchesMax, countedTokens, here }
}

/** The facts in one event and its effects, in order. */
export function progressOf(
  event: CoordinatorEvent,
  effects: readonly CoordinatorEffect[],
  status: () => RunStatus,
  nameOf: (peer: PeerId) => string,
): Progress[] {
  const facts: Progress[] = []
  if (event.type === 'evaluated') {
    const { round, loss } = event
    facts.push({ type: 'evaluated', round, loss, perplexity: Math.exp(loss) })
  }
  if (event.type === 'disconnected') {
    const { peer } = event
    facts.push({ type: 'away', peer, name: nameOf(peer), here: hereCount(status()) })
  }
  if (event.type === 'aggregated') {
    const { round, roundsMax, batchesCounted, countedTokens } = status()
    facts.push({ type: 'round', round, roundsMax, batchesCounted, tokens: countedTokens })
  }
  for (const effect of effects) {
    const fact = factOf(event, effect, status, nameOf)
    if (fact !== null) facts.push(fact)
  }
  return facts
}

function factOf(
  event: CoordinatorEvent,
  effect: CoordinatorEffect,
  status: () => RunStatus,
  nameOf: (peer: PeerId) => string,
): Progress | null {
  if (effect.type === 'reply' && event.type === 'request') {
    return replyFact(event, effect, status, nameOf)
  }
  if (effect.type !== 'notify') return null
  const { to, notice } = effect
  if (notice.type === 'finished') {
    return { type: 'finished', round: notice.round, adapter: notice.adapter }
  }
  if (notice.type === 'counted') {
    const { round } = status()
    return { type: 'counted', peer: to, name: nameOf(to), round, tokens: notice.tokens }
  }
  if (notice.type === 'revoked') {
    return { type: 'revoked', peer: to, name: nameOf(to), reason: notice.reason }
  }
  return null
}

function replyFact(
  event: Extract<CoordinatorEvent, { type: 'request' }>,
  { peer, reply }: Extract<CoordinatorEffect, { type: 'reply' }>,
  status: () => RunStatus,
  nameOf: (peer: PeerId) => string,
): Progress | null {
  const name = nameOf(peer)
  switch (reply.type) {
    case 'joined':
      return { type: 'joined', peer, name, here: hereCount(status()) }
    case 'leased': {
      const { round, firstBatch, steps } = reply
      return { type: 'leased', peer, name, round, firstBatch, steps }
    }
    case 'committed': {
      if (event.request.type !== 'commit') return null
      const { round, steps, loss } = event.request.contribution
      return { type: 'committed', peer, name, round, steps, loss }
    }
    case 'refused':
      return { type: 'refused', peer, name, refusal: reply.refusal, reason: reply.reason }
    default:
      return null
  }
}

function hereCount({ participants }: RunStatus): number {
  return participants.filter(({ state }) => state === 'here').length
}
