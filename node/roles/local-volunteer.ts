/** A volunteer in a process of its own: key, weights and data in a folder. */
import { join } from 'node:path'
import { createHost } from '../network/host.ts'
import { loadIdentity } from '../network/identity-file.ts'
import type { Invite } from '../network/link.ts'
import { localTransports } from '../network/transports.ts'
import { createFileBlobStore } from '../storage/blob-store.ts'
import { startCompute } from '../training/start-compute.ts'
import { type BaseSources, findBase } from './base-sources.ts'
import { createVolunteer, type VolunteerParts, type VolunteerRole } from './volunteer.ts'

type Given = Omit<VolunteerParts, 'identity' | 'host' | 'blobs' | 'compute' | 'findBase'>

export interface LocalVolunteerOptions extends Given, Pick<BaseSources, 'hubCache' | 'mirrors'> {
  /** Folder for the key, weights and data. */
  cache: string
  /** The file with this volunteer's key; by default one in `cache`. */
  identity: string | null
}

export async function startVolunteer(
  invite: Invite,
  options: LocalVolunteerOptions,
): Promise<VolunteerRole> {
  const { cache, hubCache, mirrors, dataBytesMax, log } = options
  const identity = await loadIdentity(options.identity ?? join(cache, 'identity.key'))
  const blobs = await createFileBlobStore(join(cache, 'blobs'))
  const sources: BaseSources = { hubCache, mirrors, folder: join(cache, 'mirrored') }
  const host = await createHost({
    privateKey: identity.privateKey,
    listen: [],
    role: 'volunteer',
    transports: localTransports(),
  })
  return createVolunteer(invite, {
    ...options,
    ...{ identity, blobs, host, compute: startCompute() },
    findBase: (base, onBytes) => {
      const mayMove = dataBytesMax === null || base.bytes <= dataBytesMax
      const allowed = mayMove ? sources : { ...sources, mirrors: [] }
      return findBase(base, blobs, allowed, log, onBytes)
    },
  })
}
