/** A volunteer in a process of its own: key, weights and data in folders. */
import { join } from 'node:path'
import { startCompute } from '../compute/start-compute.ts'
import { withoutRelay } from '../network/hole-punching.ts'
import { createHost } from '../network/host.ts'
import type { Identity } from '../network/identity.ts'
import { loadIdentity } from '../network/identity-file.ts'
import type { Lan } from '../network/lan.ts'
import { leadsNoNearer } from '../network/leads-no-nearer.ts'
import type { Invite } from '../network/link.ts'
import { nearFirst, placeOfMultiaddr } from '../network/near.ts'
import { localTransports } from '../network/transports.ts'
import { StorageError } from '../storage/errors.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import { tryLock } from '../storage/file-lock.ts'
import { findCachedBase, mirrorSources } from './base-sources.ts'
import { keptWhereabouts } from './kept-whereabouts.ts'
import { createBaseSharing } from './share-base.ts'
import { createVolunteer, type VolunteerParts, type VolunteerRole } from './volunteer.ts'

type Made =
  | 'name'
  | 'identity'
  | 'host'
  | 'blobs'
  | 'compute'
  | 'findBase'
  | 'baseSources'
  | 'shareBase'
  | 'toldBefore'
  | 'mayLead'
  | 'upgrade'
  | 'onTold'

export interface LocalVolunteerOptions extends Omit<VolunteerParts, Made> {
  /** null: a name that says nothing of this machine. */
  name: string | null
  /** A folder that no other process uses: see volunteer-home.ts. */
  home: string
  /** Weights and data of all runs, for all who volunteer here. */
  blobs: string
  /** The file with this volunteer's key; null: one in `home`. */
  identity: string | null
  /** The Hub's cache on this machine; null: it is not looked at. */
  hubCache: string | null
  /** Mirrors that its user names. */
  mirrors: readonly string[]
  /** Whether those are asked that the coordinator tells of. */
  followsMirrors: boolean
  /** The network whose volunteers give each other the base; null: they do not. */
  lan: Lan | null
  /** Told of bytes that were given to others of it. */
  onShared(bytes: number): void
}

export async function startVolunteer(
  invite: Invite,
  options: LocalVolunteerOptions,
): Promise<VolunteerRole> {
  const { hubCache, mirrors, followsMirrors, lan, paused, log } = options
  const { identity, release } = await ownIdentity(options)
  const blobs = await createFileBlobStore(options.blobs)
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: [],
    role: 'volunteer',
    addressSorter: nearFirst(),
    transports: localTransports(),
  })
  const whereabouts = keptWhereabouts(join(options.home, 'whereabouts.json'), log)
  const onMoved = options.onShared
  const sharing = createBaseSharing({ lan, blobs, isPaused: paused !== null, log, onMoved })
  const role = createVolunteer(invite, {
    ...options,
    name: options.name ?? namelessName(identity),
    identity,
    blobs,
    host,
    compute: startCompute(),
    upgrade: withoutRelay,
    toldBefore: await whereabouts.read(),
    mayLead: leadsNoNearer,
    onTold: whereabouts.write,
    shareBase: (runId, base, { remoteAddr }) =>
      sharing.begin(runId, base, placeOfMultiaddr(`${remoteAddr}`)),
    findBase: (base) => findCachedBase(base, blobs, hubCache, log),
    baseSources: (told, { remoteAddr }) =>
      mirrorSources(mirrors, followsMirrors ? told : [], placeOfMultiaddr(`${remoteAddr}`)),
  })
  const stop = async () => {
    await role.stop()
    await sharing.stop()
    release()
  }
  const pause = (reason: string) => {
    sharing.setPaused(true)
    role.pause(reason)
  }
  const resume = () => {
    sharing.setPaused(false)
    role.resume()
  }
  return { ...role, pause, resume, stop }
}

/**
 * A key that the user names may be in use, unlike one in `home`.
 * @throws StorageError that names who uses it: it may be free when it is asked for again
 */
async function ownIdentity({
  identity: file,
  home,
}: LocalVolunteerOptions): Promise<{ identity: Identity; release: () => void }> {
  if (file === null) {
    return { identity: await loadIdentity(join(home, 'identity.key')), release: () => {} }
  }
  const identity = await loadIdentity(file)
  const lock = tryLock(file)
  if (lock.status === 'taken') return { identity, release: lock.release }
  throw new StorageError(
    'locked',
    `Cannot join with the identity in ${file}: ${lock.holder} is using it. ` +
      "Leave '--identity' out, and this volunteer gets a key of its own",
  )
}

/** A host's name or a user's would be shown to strangers. */
function namelessName({ peerId }: Identity): string {
  return `volunteer-${peerId.slice(-6)}`
}
