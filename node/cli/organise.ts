/**
 * `barnraise kick`, `unban` and `rewind`: what the organiser decides about a run, whether it is
 * hosted now or not.
 */

import type { PeerId } from '../../protocol/index.ts'
import { EXIT } from '../exit-code.ts'
import { type Order, type OrderResult, orderStopped } from '../roles/orders.ts'
import { type OpenedRun, openRun } from '../run/open-run.ts'
import { runFolder } from '../run/run-folder.ts'
import { removeStaleExports } from '../run/stale-export.ts'
import { CommandFailure } from './failure.ts'
import { askHost } from './host-control.ts'
import { namedPeer } from './named-peer.ts'
import { printJson, printLine } from './output.ts'
import { visible } from './terminal.ts'

export interface OrganiseOptions {
  json?: boolean
}

export async function kick(
  folder: string,
  who: string,
  { reason, ...options }: OrganiseOptions & { reason: string },
): Promise<void> {
  const run = await openRun(runFolder(folder))
  await order(run, { type: 'kicked', peer: peerOf(run, who), reason }, options)
}

export async function unban(folder: string, who: string, options: OrganiseOptions): Promise<void> {
  const run = await openRun(runFolder(folder))
  await order(run, { type: 'unbanned', peer: peerOf(run, who) }, options)
}

export async function rewind(
  folder: string,
  { round, ...options }: OrganiseOptions & { round: number },
): Promise<void> {
  const run = await openRun(runFolder(folder))
  await order(run, { type: 'rewound', round }, options, async () =>
    removeStaleExports(await openRun(run.folder)),
  )
}

/** @param follow does what follows from an order that was accepted, and says so */
export async function order(
  run: OpenedRun,
  what: Order,
  { json }: OrganiseOptions,
  follow: () => Promise<string[]> = async () => [],
): Promise<void> {
  const result = await decide(run, what)
  if (result.accepted) result.said.push(...(await follow()))
  if (json) printJson(result)
  checkAccepted(result)
  if (!json) printSaid(result)
}

export interface Decided extends OrderResult {
  /** The host followed; otherwise whoever hosts the run next does. */
  isHosted: boolean
}

export async function decide(run: OpenedRun, what: Order): Promise<Decided> {
  const byHost = await askHost(run.runId, what)
  return { ...(byHost ?? (await orderStopped(run.folder, what))), isHosted: byHost !== null }
}

/** @throws CommandFailure when there was nothing to change */
export function checkAccepted({ accepted, said }: OrderResult): void {
  const why = visible(said.join('; ')) || 'nothing was changed'
  if (!accepted) throw new CommandFailure(EXIT.failure, why)
}

export function printSaid({ said, isHosted }: Decided): void {
  for (const text of said) printLine(visible(text))
  if (!isHosted) printLine('Nobody hosts the run now: it goes on so when it is.')
}

/** @throws ConfigError unless it is the id of a peer, or the end of one or a name known here */
export function peerOf({ state, names, folder }: OpenedRun, who: string): PeerId {
  const known = [...state.records.keys(), ...state.members.keys(), ...names.keys()]
  return namedPeer(who, {
    names: new Map(known.map((peer) => [peer, names.get(peer) ?? null])),
    they: `of the run in '${folder.root}'`,
  })
}
