/** The volunteer's role in a process: a link, joined until the run ends or the user leaves. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ParticipantEffect } from '../../coordinator/effect.ts'
import { createParticipant } from '../../coordinator/participant-state.ts'
import { createClock } from '../clock.ts'
import type { Log } from '../log.ts'
import { connect } from '../network/dial.ts'
import { createHost } from '../network/host.ts'
import { loadIdentity } from '../network/identity.ts'
import type { Invite } from '../network/link.ts'
import { listenForNotices } from '../network/notices.ts'
import { createFileBlobStore } from '../storage/blob-store.ts'
import { createCompute, type StepProgress } from '../training/compute.ts'
import type { JobLimits } from '../training/job.ts'
import { createParticipantShell } from './participant-shell.ts'
import { createParticipantPerformer, type ParticipantWorld } from './perform-participant.ts'

export interface VolunteerOptions {
  name: string
  software: string
  /** Folder for the key, weights and data. */
  cache: string
  /** The file with this volunteer's key; by default one in `cache`. */
  identity: string | null
  limits: JobLimits
  /** Where the base is looked for before the coordinator is asked. */
  hubCache: string | null
  mirrors: readonly string[]
  log: Log
  onStep(progress: StepProgress): void
  onTransfer(what: string, done: number, total: number): void
}

export type VolunteerOutcome = Omit<Extract<ParticipantEffect, { type: 'exit' }>, 'type'>

export interface VolunteerRole {
  peer: string
  /** How it ended. */
  exited: Promise<VolunteerOutcome>
  /** Hands in the finished prefix, then goes. */
  leave(reason: string): void
  stop(): Promise<void>
}

export async function startVolunteer(
  invite: Invite,
  options: VolunteerOptions,
): Promise<VolunteerRole> {
  const { name, software, cache, log } = options
  const identity = await loadIdentity(options.identity ?? join(cache, 'identity.key'))
  const blobs = await createFileBlobStore(join(cache, 'blobs'))
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: [],
    role: 'volunteer',
  })
  const compute = createCompute()
  const exited = Promise.withResolvers<VolunteerOutcome>()
  const stopping = new AbortController()
  const state = createParticipant({
    ...{ peer: identity.peerId, name, software },
    run: invite.run,
    token: invite.token,
    seed: seedOf(identity.peerId),
  })
  const world: ParticipantWorld = {
    ...{ peer: identity.peerId, blobs, compute, log, limits: options.limits },
    baseSources: {
      ...{ hubCache: options.hubCache, mirrors: options.mirrors },
      folder: join(cache, 'mirrored'),
    },
    sign: identity.sign,
    connect: async (onNotice) => {
      const connection = await connect(host, invite.addresses)
      const ended = listenForNotices(connection, onNotice, stopping.signal).then(
        () => 'the coordinator closed the connection',
        (error: Error) => error.message,
      )
      return { connection, ended }
    },
    feed: (event) => shell.feed(event),
    onStep: options.onStep,
    onTransfer: options.onTransfer,
    onExit: ({ outcome, reason }) => exited.resolve({ outcome, reason }),
  }
  const performer = createParticipantPerformer(world)
  const shell = createParticipantShell({
    ...{ state, clock: createClock(), perform: performer.perform },
    onFatal: exited.reject,
  })
  shell.start()
  return {
    peer: identity.peerId,
    exited: exited.promise,
    leave: (reason) => shell.feed({ type: 'leave', reason }),
    stop: async () => {
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
  return createHash('sha256').update(peer).digest().readUInt32LE()
}
