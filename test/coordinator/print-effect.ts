/** The coordinator's effects for people who read transcripts. */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { Notice, Reply } from '../../protocol/messages.ts'
import { short } from './transcript.ts'

export function printEffect(effect: CoordinatorEffect): string {
  switch (effect.type) {
    case 'reply':
      return `reply ${effect.peer}: ${printReply(effect.reply)}`
    case 'notify':
      return `notify ${effect.to}: ${printNotice(effect.notice)}`
    case 'aggregate': {
      const { round, base, parent, outerScale, merge, corrections, contributions } = effect.job
      const ranges = contributions.map(
        ({ leaseId, peer, firstBatch, steps, tokens }) =>
          `\n  lease ${leaseId} ${peer} [${firstBatch},${firstBatch + steps}) ${tokens} tokens`,
      )
      const from = `base ${short(base)} parent ${parent === null ? '-' : short(parent.digest)}`
      const less = corrections.map(
        (each) =>
          `\n  less leases ${each.leaseIds.join()} of round ${each.round}, ` +
          `theta ${each.theta} momentum ${each.momentum}`,
      )
      const how = `${from} scale ${outerScale}${merge === 'mean' ? '' : ` ${merge}`}`
      return `aggregate round ${round} ${how}${less.join('')}${ranges.join('')}`
    }
    case 'audit': {
      const { auditId, leaseId, kind, steps } = effect.job
      return `audit ${auditId}: ${kind} of ${steps} steps of lease ${leaseId}`
    }
    case 'publish-coin':
      return effect.published === 0 ? effect.type : `${effect.type} ${effect.published}`
    case 'score':
      return `score round ${effect.round} ${rowsOf(effect)} adapter ${short(effect.adapter)}`
    case 'sum-up-scores':
      return `sum up the scores of round ${effect.round}: ${effect.outcomes.length} rows`
    case 'evaluate':
      return `${effect.type} round ${effect.round} adapter ${short(effect.adapter)}`
    case 'stop':
      return `stop: ${effect.reason}`
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
    case 'audit': {
      const { leaseId, kind, steps, start, firstBatch, deadlineMs } = reply
      const range = `[${firstBatch},${firstBatch + steps})`
      return `audit ${leaseId} ${kind} ${range} of round ${start.round} deadline in ${deadlineMs}`
    }
    case 'score':
      return `score ${reply.leaseId} ${rowsOf(reply)} adapter ${short(reply.adapter)}`
    case 'wait':
      return `wait ${reply.retryMs}: ${reply.reason}`
    case 'refused':
      return `refused ${reply.refusal}: ${reply.reason.replace(/[0-9a-f]{64}/g, short)}`
    case 'status': {
      const { phase, round, batchesCounted, participants, evaluations, scores } = reply.status
      const who = participants.map(({ name, state, credit }) => [name, state, credit.tokens])
      const losses = evaluations.map(({ loss }) => loss)
      return `status ${JSON.stringify({ phase, round, batchesCounted, who, losses, scores })}`
    }
    case 'committed':
    case 'audited':
    case 'scored':
    case 'released':
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
      return `finished after ${notice.round} rounds with ${short(notice.adapter)}: ${notice.reason}`
    case 'wrong':
      return `wrong ${notice.leaseId}: ${notice.reason}`
    case 'addresses':
      return `addresses ${notice.addresses}`
    case 'work':
    case 'heartbeat':
      return notice.type
  }
}

const rowsOf = ({ first, rows }: { first: number; rows: number }): string =>
  `rows [${first},${first + rows})`
