/**
 * The base comes to a volunteer from wherever it is nearest: this machine, others of its network,
 * mirrors, and what they do not give from the coordinator.
 */
import type { Connection } from '@libp2p/interface'
import type { BlobReference, RunId } from '../../protocol/index.ts'
import { checkData } from '../compute/job.ts'
import { type BlobSource, fetchFromSources } from '../network/blob-sources.ts'
import { coordinatorSource, fetchManifest } from '../network/blobs.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { connectionOf, fetchedFile, type Held } from './held.ts'
import type { ParticipantWorld } from './participant-world.ts'
import type { SharedBase } from './share-base.ts'
import { toldMirrors } from './told-mirrors.ts'

const WHAT = 'base model'

export interface WantedBase {
  runId: RunId
  base: BlobReference
  /** Those that the coordinator tells of. */
  mirrors: readonly string[]
}

/**
 * Its file. A link that breaks breaks off what comes from others, too, so that a pause ends all;
 * what has come stays for the next try.
 * @throws ConfigError where it is more than may be moved in a day
 */
export async function bringBase(
  world: ParticipantWorld,
  held: Held,
  wanted: WantedBase,
): Promise<BlobFile> {
  const { blobs } = world
  const { runId, base } = wanted
  const has = () => blobs.has(base.digest)
  if (!(await has())) await world.findBase(base)
  const isHere = await has()
  if (!isHere) checkData(base, world.dataBytesMax)
  const connection = connectionOf(held)
  const shared = await world.shareBase(runId, base, connection)
  if (!isHere) await fromOthers(world, connection, wanted, shared)
  const file = await fetchedFile(world, held, blobs, base, WHAT)
  shared?.source.whole()
  shared?.growing.changed()
  return file
}

async function fromOthers(
  world: ParticipantWorld,
  connection: Connection,
  { base, mirrors }: WantedBase,
  shared: SharedBase | null,
): Promise<void> {
  const others = world.baseSources(toldMirrors(mirrors, world.log), connection)
  // What comes from the coordinator is handed on as it comes, too.
  const ends = shared === null ? [] : [coordinatorSource(connection)]
  const sources: BlobSource[] = [...(shared === null ? [] : [shared.source]), ...others, ...ends]
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
      onOpen: (partial) => shared?.growing.open(partial),
      onProgress: (done, total, moved) => {
        shared?.growing.changed()
        world.onTransfer({ what: WHAT, done, total, moved })
      },
      onLeft: (source, reason) => {
        // That nobody near has it is nothing to complain of.
        const level = source === shared?.source ? 'debug' : 'warn'
        world.log[level](`${source.name} does not give the base: ${reason}`)
      },
    })
  } finally {
    connection.removeEventListener('close', cut)
  }
}
