/** The volunteer's role, in a process or a page: a link, joined until the run ends. */

import {
  type Activity,
  activityOf,
  createParticipant,
  type ParticipantEffect,
} from '../../coordinator/participant/index.ts'
import { type Credit, digestOf, type Notice } from '../../protocol/index.ts'
import { createClock } from '../clock.ts'
import type { Compute } from '../compute/compute.ts'
import type { JobLimits } from '../compute/job.ts'
import type { StepProgress } from '../compute/task.ts'
import { createSleepWatch, LOOK_MS } from '../guest/sleep-watch.ts'
import { heard } from '../heard.ts'
import type { Log } from '../log.ts'
import { createCutWatch } from '../network/cut-watch.ts'
import { connect, type Upgrade } from '../network/dial.ts'
import type { Host } from '../network/host.ts'
import type { Identity } from '../network/identity.ts'
import type { Invite } from '../network/link.ts'
import { listenForNotices } from '../network/notices.ts'
import { type Way, wayOf } from '../network/way.ts'
import { createWhereabouts, type Told } from '../network/whereabouts.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { createParticipantShell } from './participant-shell.ts'
import type { ParticipantWorld, TransferProgress } from './participant-world.ts'
import { createParticipantPerformer } from './perform-participant.ts'

export interface VolunteerListeners {
  /** All addresses that may lead to the coordinator, when it has said where it is. */
  onAddresses?(addresses: string[]): void
  /** How the coordinator is reached, whenever it is reached anew. */
  onWay?(way: Way): void
  onStep(progress: StepProgress): void
  onTransfer(progress: TransferProgress): void
}

/** What a platform gives a volunteer; it is stopped with it. */
export interface VolunteerParts extends VolunteerListeners {
  name: string
  software: string
  limits: JobLimits
  /** May be moved in a day, both ways; null: as much as it takes. */
  dataBytesMax: number | null
  /** Why it starts with a pause; null: it does not. */
  paused: string | null
  log: Log
  identity: Identity
  host: Host
  blobs: BlobStore
  compute: Compute
  findBase: ParticipantWorld['findBase']
  baseSources: ParticipantWorld['baseSources']
  shareBase: ParticipantWorld['shareBase']
  /** Where the coordinator said that it is, when this volunteer was here the last time. */
  toldBefore?: Told | null
  /** Whether a coordinator may name the address that spoke by a connection from there. */
  mayLead?(address: string, from: string): Promise<boolean>
  /** Told where the coordinator says that it is. */
  onTold?(told: Told): void
  /** How it gets away from a relay. */
  upgrade?: Upgrade
}

export type VolunteerOutcome = Omit<Extract<ParticipantEffect, { type: 'exit' }>, 'type'>

export interface VolunteerRole {
  peer: string
  name: string
  /** What it is doing now. */
  activity(): Activity
  /** The name of the run; null before it has joined. */
  run(): string | null
  /** How the coordinator was reached last; null: it was not yet. */
  way(): Way | null
  /** What counts of its work, as its coordinator last said; null: it could not be asked yet. */
  credit(): Promise<Credit | null>
  /** How it ended. */
  exited: Promise<VolunteerOutcome>
  /**
   * Stops at once, hands in the finished prefix, and is gone from the run until `resume`; may be
   * asked for again with another reason.
   */
  pause(reason: string): void
  resume(): void
  /** Works the lease in progress off, hands it in, then goes. */
  finish(reason: string): void
  /** Hands in the finished prefix, then goes; asked for twice, at once. */
  leave(reason: string): void
  stop(): Promise<void>
}

export function createVolunteer(invite: Invite, parts: VolunteerParts): VolunteerRole {
  const { name, software, paused, identity, host, compute } = parts
  const peer = identity.peerId
  const exited = Promise.withResolvers<VolunteerOutcome>()
  const ended = heard(exited.promise)
  const stopping = new AbortController()
  const clock = createClock()
  const { run, token } = invite
  const { toldBefore: kept = null, mayLead } = parts
  const whereabouts = createWhereabouts(invite, { kept, ...(mayLead && { mayLead }) })
  const [session = 0] = crypto.getRandomValues(new Uint32Array(1))
  const who = { peer, name, software, session, seed: seedOf(peer) }
  const state = createParticipant({ ...who, run, token })
  let way: Way | null = null
  const watchCuts = createCutWatch()
  const world: ParticipantWorld = {
    ...parts,
    peer,
    sign: identity.sign,
    connect: async (onNotice) => {
      const { upgrade } = parts
      const connection = await connect(host, await whereabouts.toDial(), undefined, { upgrade })
      way = wayOf(connection)
      parts.onWay?.(way)
      const hear = (notice: Notice) => {
        if (notice.type === 'addresses') {
          const told = { addresses: notice.addresses, from: `${connection.remoteAddr}` }
          whereabouts.hear(told)
          parts.onTold?.(told)
          parts.onAddresses?.(whereabouts.addresses())
        }
        onNotice(notice)
      }
      const ended = listenForNotices(connection, hear, stopping.signal).then(
        () => 'the coordinator closed the connection',
        (error: Error) => error.message,
      )
      return { connection, ended }
    },
    onCut: ({ remoteAddr }, lastedMs) => {
      if (stopping.signal.aborted) return
      const line = watchCuts(`${remoteAddr}`, lastedMs)
      if (line !== null) parts.log.warn(line)
    },
    feed: (event) => shell.feed(event),
    onExit: ({ outcome, reason }) => exited.resolve({ outcome, reason }),
  }
  const performer = createParticipantPerformer(world)
  const shell = createParticipantShell({
    state,
    clock,
    perform: performer.perform,
    onFatal: exited.reject,
  })
  let credit: Credit | null = null
  if (paused !== null) shell.feed({ type: 'pause', reason: paused })
  shell.start()
  // The clock of the shell may stand while the machine sleeps; the system's does not.
  const hasSlept = createSleepWatch(Date.now())
  const watch = setInterval(() => {
    if (hasSlept(Date.now())) shell.feed({ type: 'woke' })
  }, LOOK_MS)
  return {
    peer,
    name,
    activity: () => activityOf(state),
    run: () => state.run?.config.name ?? null,
    way: () => way,
    credit: async () => {
      credit = (await performer.askCredit()) ?? credit
      return credit
    },
    exited: ended,
    pause: (reason) => shell.feed({ type: 'pause', reason }),
    resume: () => shell.feed({ type: 'resume' }),
    finish: (reason) => shell.feed({ type: 'finish', reason }),
    leave: (reason) => shell.feed({ type: 'leave', reason }),
    stop: async () => {
      clearInterval(watch)
      shell.stop()
      stopping.abort(new Error('This volunteer is leaving'))
      await performer.disconnect()
      await host.stop()
      await compute.close()
    },
  }
}

/** Jitter differs between volunteers and is the same for one of them each time. */
function seedOf(peer: string): number {
  return Number.parseInt(digestOf(new TextEncoder().encode(peer)).slice(0, 8), 16)
}
