/**
 * `barnraise status LINK_OR_FOLDER`: asks the coordinator, or reads the journal on this machine.
 * Without either, asks the volunteers here.
 */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { statusOf } from '../../coordinator/status.ts'
import type { RunStatus } from '../../protocol/messages.ts'
import { EXIT } from '../exit-code.ts'
import { connect } from '../network/dial.ts'
import { createHost } from '../network/host.ts'
import { parseLink } from '../network/link.ts'
import { request } from '../network/rpc.ts'
import { localTransports } from '../network/transports.ts'
import { openRun } from '../run/open-run.ts'
import { isRunFolder, runFolder } from '../run/run-folder.ts'
import { type ControlOptions, control } from './control.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printLine, printTable } from './output.ts'
import { compact } from './terminal.ts'

export async function status(run: string | undefined, options: ControlOptions): Promise<void> {
  if (run === undefined) return control({ command: 'status' }, options)
  const current = isRunFolder(run)
    ? statusOf((await openRun(runFolder(run))).state)
    : await askCoordinator(run)
  if (options.json) return printJson(current)
  printStatus(current)
}

async function askCoordinator(link: string): Promise<RunStatus> {
  const invite = parseLink(link)
  const privateKey = await generateKeyPair('Ed25519')
  const transports = localTransports()
  const host = await createHost({ privateKey, listen: [], role: 'volunteer', transports })
  try {
    const connection = await connect(host, invite.addresses)
    const reply = await request(connection, { type: 'status' })
    if (reply.type === 'status') return reply.status
    throw new Error(`the coordinator answered '${reply.type}'`)
  } catch (error) {
    throw new CommandFailure(EXIT.unreachable, `cannot ask the run: ${(error as Error).message}`)
  } finally {
    await host.stop()
  }
}

function printStatus(run: RunStatus): void {
  printTable([
    ['run', `${run.name} (${run.runId.slice(0, 16)})`],
    ['phase', `${run.phase}, round ${run.round} of ${run.roundsMax}`],
    ['batches', `${run.batchesCounted} of ${run.batchesMax}`],
    ['tokens', compact(run.countedTokens)],
    ['adapter', run.base],
    ['held-out loss', run.evaluations.map(({ loss }) => loss.toFixed(4)).join(' → ') || '-'],
    ['volunteers', String(run.participantCount)],
  ])
  for (const { name, state, countedTokens, leasedSteps, stepMs } of run.participants) {
    const work = leasedSteps > 0 ? `works on ${leasedSteps} steps` : 'has no lease'
    const speed = stepMs === null ? '' : `, ${Math.round(stepMs)} ms a step`
    printLine(`  ${name}: ${state}, ${work}${speed}, ${compact(countedTokens)} tokens counted`)
  }
}
