/**
 * The base comes to a volunteer from wherever it is nearest: this machine, others that have it, and
 * what they do not give from the coordinator.
 */
import type { BlobReference } from '../../protocol/index.ts'
import { checkData } from '../compute/job.ts'
import { fetchFromSources } from '../network/blob-sources.ts'
import { fetchManifest } from '../network/blobs.ts'
import { connectionOf, fetched, type Held } from './held.ts'
import type { ParticipantWorld } from './participant-world.ts'
import { toldMirrors } from './told-mirrors.ts'

const WHAT = 'base model'

/**
 * Its bytes. A link that breaks breaks off what comes from others, too, so that a pause ends all;
 * what has come stays for the next try.
 * @param mirrors those that the coordinator tells of
 * @throws ConfigError where it is more than may be moved in a day
 */
export async function bringBase(
  world: ParticipantWorld,
  held: Held,
  base: BlobReference,
  mirrors: readonly string[],
): Promise<Uint8Array> {
  const { blobs } = world
  if (!(await blobs.has(base.digest))) await world.findBase(base)
  if (!(await blobs.has(base.digest))) {
    checkData(base, world.dataBytesMax)
    await fromOthers(world, held, base, mirrors)
  }
  return fetched(world, held, blobs, base, WHAT)
}

async function fromOthers(
  world: ParticipantWorld,
  held: Held,
  base: BlobReference,
  mirrors: readonly string[],
): Promise<void> {
  const connection = connectionOf(held)
  const sources = world.baseSources(toldMirrors(mirrors, world.log), connection)
  if (sources.length === 0) return
  const linked = new AbortController()
  const cut = () => linked.abort(new Error('The link to the coordinator ended'))
  connection.addEventListener('close', cut)
  if (connection.status !== 'open') cut()
  try {
    await fetchFromSources(base, world.blobs, {
      sources,
      signal: linked.signal,
      hearManifest: () => fetchManifest(connection, base),
      onProgress: (done, total, moved) => world.onTransfer({ what: WHAT, done, total, moved }),
      onLeft: ({ name }, reason) => world.log.warn(`${name} does not give the base: ${reason}`),
    })
  } finally {
    connection.removeEventListener('close', cut)
  }
}
