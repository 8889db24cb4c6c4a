/**
 * Whether a run can go on as itself. One that was hosted goes on with its journal and its key: what
 * it is without them would be another run that calls itself the same, and nobody could verify it.
 */
import { existsSync } from 'node:fs'
import type { CoordinatorState } from '../../coordinator/index.ts'
import { ConfigError, type PeerId, signingBytes } from '../../protocol/index.ts'
import { COMMAND } from '../command.ts'
import { verifySignature } from '../network/identity.ts'
import type { BlobReader } from './evidence.ts'
import { readManifest } from './read-manifest.ts'
import { type RunFolder, readCoordinator } from './run-folder.ts'

/** @throws ConfigError that names what is gone, before anything is made in its place */
export async function checkWhole(folder: RunFolder): Promise<void> {
  const coordinator = await readCoordinator(folder)
  if (coordinator === null) return
  if (!existsSync(folder.journal)) {
    throw new ConfigError(
      `Cannot go on with the run in '${folder.root}' as ${folder.journal} is gone, which says ` +
        'what was done so far: put it back from a copy, or begin anew in another folder',
    )
  }
  if (!existsSync(folder.identity)) throw otherKey(folder, coordinator, 'is gone')
}

/** @throws ConfigError where somebody else coordinated the run, by what it says or has signed */
export async function checkIdentity(
  folder: RunFolder,
  peer: PeerId,
  { history }: CoordinatorState,
  blobs: BlobReader,
): Promise<void> {
  const coordinator = await readCoordinator(folder)
  if (coordinator !== null && coordinator !== peer) {
    throw otherKey(folder, coordinator, `is that of ${peer}`)
  }
  const last = history.at(-1)
  if (last === undefined) return
  // `verify` tells of one that is lost.
  const signed = await readManifest(blobs, last.manifest.digest).catch(() => null)
  if (signed === null) return
  const bytes = signingBytes('manifest', signed.manifest)
  if (await verifySignature(peer, bytes, signed.signature)) return
  throw otherKey(folder, 'somebody else', `is that of ${peer}`)
}

function otherKey(folder: RunFolder, coordinator: string, is: string): ConfigError {
  return new ConfigError(
    `Cannot go on with the run in '${folder.root}' as its rounds are signed by ${coordinator}, ` +
      `and ${folder.identity} ${is}: put the key back from a copy, or by ` +
      `\`${COMMAND} identity restore ${folder.root}\`. What was merged can be exported without it`,
  )
}
