/**
 * `barnraise status LINK_OR_FOLDER`: asks the coordinator, or reads the journal on this machine.
 * Without either, asks the volunteers here.
 */

import { existsSync } from 'node:fs'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { statusOf } from '../../coordinator/index.ts'
import {
  counted,
  ProtocolError,
  type RunStatus,
  STATUS_PARTICIPANTS_MAX,
} from '../../protocol/index.ts'
import { auditWords, compact, creditWords, roundWords } from '../history/figures.ts'
import { scoreLineOf } from '../history/score-line.ts'
import { adapterCost, learningWords, type MeasuredAdapter } from '../history/verdict.ts'
import { connect } from '../network/dial.ts'
import { createHost } from '../network/host.ts'
import { findInvite } from '../network/page-link.ts'
import { request } from '../network/rpc.ts'
import { localTransports } from '../network/transports.ts'
import { openRun } from '../run/open-run.ts'
import { runFolder } from '../run/run-folder.ts'
import { type ControlOptions, control } from './control.ts'
import { printJson, printLine, printTable } from './output.ts'
import { visible } from './terminal.ts'

export async function status(run: string | undefined, options: ControlOptions): Promise<void> {
  if (run === undefined) return control({ command: 'status' }, options)
  const isFolder = existsSync(run)
  const current = isFolder ? await statusAt(run) : await askCoordinator(run)
  if (options.json) return printJson(current)
  printStatus(current, isFolder)
}

/** Says all whose work counts, whether they were there where the journal ends or not. */
async function statusAt(folder: string): Promise<RunStatus> {
  const { state, names } = await openRun(runFolder(folder))
  const credited = Array.from(state.records, ([peer, { credit, verifiedInARow }]) => ({
    peer,
    name: names.get(peer) ?? peer.slice(-PEER_SHOWN),
    state: 'away' as const,
    stepMs: null,
    leasedSteps: 0,
    credit,
    verifiedInARow,
  })).filter(({ credit }) => credit.batches > 0)
  credited.sort((a, b) => b.credit.tokens - a.credit.tokens || (a.peer < b.peer ? -1 : 1))
  const participants = credited.slice(0, STATUS_PARTICIPANTS_MAX)
  return { ...statusOf(state), participantCount: credited.length, participants }
}

/** So many letters tell one of a name from others. */
const PEER_SHOWN = 6

async function askCoordinator(link: string): Promise<RunStatus> {
  const invite = await findInvite(link)
  const privateKey = await generateKeyPair('Ed25519')
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  try {
    const connection = await connect(host, invite.addresses)
    const reply = await request(connection, { type: 'status' })
    if (reply.type === 'status') return reply.status
    throw new ProtocolError('malformed', `Cannot tell how the run is: it answers '${reply.type}'`)
  } finally {
    await host.stop()
  }
}

/** @param isPast whether it is read from a journal: who is connected stands in none */
function printStatus(run: RunStatus, isPast: boolean): void {
  const isOver = isPast || run.phase === 'finished'
  printTable([
    ['run', `${run.name} (${run.runId.slice(0, 16)})`],
    ['phase', phaseText(run, isPast)],
    ['batches', `${run.batchesCounted} of ${run.batchesMax}`],
    ['tokens', compact(run.countedTokens)],
    ['adapter', run.base],
    ['held-out loss', run.evaluations.map(({ loss }) => loss.toFixed(4)).join(' → ') || '-'],
    ...preferenceRows(run),
    ['which means', learningWords(measuredIn(run))],
    ...scoreRows(run),
    ['work repeated', auditWords(run.audits)],
    ['volunteers', String(run.participantCount)],
  ])
  for (const participant of run.participants) {
    const doing = isOver ? '' : `${doingText(participant)}, `
    const { peer, name, credit } = participant
    printLine(visible(`  ${name} (${peer.slice(-PEER_SHOWN)}): ${doing}${creditWords(credit)}`))
  }
}

/** What stands beside the loss where answers are rated; nothing where none are. */
function preferenceRows({ evaluations }: RunStatus): [string, string][] {
  const rated = evaluations.filter(({ accuracy }) => accuracy !== undefined)
  if (rated.length === 0) return []
  const joined = (of: (one: RunStatus['evaluations'][number]) => string) =>
    rated.map(of).join(' → ')
  return [
    ['held-out accuracy', joined(({ accuracy = 0 }) => `${(100 * accuracy).toFixed(1)} %`)],
    ['held-out margin', joined(({ margin = 0 }) => margin.toFixed(4))],
  ]
}

function scoreRows({ scores }: RunStatus): [string, string][] {
  return scores === undefined ? [] : [['scores', scoreLineOf(scores) ?? '-']]
}

/** A status lists the base, the best and the latest evaluations, and no training losses. */
function measuredIn({ evaluations, scores = [], metric }: RunStatus): MeasuredAdapter[] {
  const scored = new Map(scores.map((each) => [each.round, each]))
  return evaluations.map(({ round, loss, generalLoss = null, accuracy = null, margin = null }) => ({
    round,
    loss,
    cost: adapterCost(loss, scored.get(round), metric),
    generalLoss,
    accuracy,
    margin,
    trainLoss: null,
  }))
}

function phaseText(run: RunStatus, isPast: boolean): string {
  const where = isPast && run.phase !== 'finished' ? ', where its journal ends' : ''
  return `${run.phase}, round ${roundWords(run)}${where}`
}

function doingText({ state, leasedSteps, stepMs }: RunStatus['participants'][number]): string {
  const work = leasedSteps > 0 ? `works on ${counted(leasedSteps, 'step')}` : 'has no lease'
  const speed = stepMs === null ? '' : `, ${Math.round(stepMs)} ms a step`
  return `${state}, ${work}${speed}`
}
