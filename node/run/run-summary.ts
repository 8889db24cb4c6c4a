/** What the model card of an export says of the run that it came from. */
import { creditOf, type PeerId, type RoundManifest } from '../../protocol/index.ts'
import { decodeShard } from '../dataset/shards.ts'
import type { RunSummary } from '../export/takeaway.ts'
import { isGguf, isWholeModel, parseGguf } from '../model/gguf.ts'
import { openRangeFile } from '../model/range-file.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { OpenedRun } from './open-run.ts'
import { startWords } from './start-words.ts'

/** What of a run its summary is made of. */
export type SummarisedRun = Omit<OpenedRun, 'blobs' | 'folder'> & {
  blobs: Pick<BlobStore, 'read' | 'path'>
  /** Who is said to have coordinated it; null: nothing says it. */
  coordinator: PeerId | null
}

const EMBEDDED = { name: 'embedded', license: 'apache-2.0' }
/** How the Hub calls a licence that it does not know. */
const OTHER_LICENSE = 'other'

/** @param chain the manifests of the rounds that the export is of, oldest first */
export async function summaryOf(
  run: SummarisedRun,
  chain: readonly RoundManifest[],
): Promise<RunSummary> {
  const { config, runId, state } = run
  const { base, dataset, training } = config
  return {
    name: config.name,
    runId,
    coordinator: run.coordinator,
    base: {
      name: base.name,
      digest: base.weights.digest,
      ...storedIn(run),
    },
    dataset: {
      name: dataset.name,
      sequenceLength: dataset.sequenceLength,
      trainSequences: dataset.trainSequences,
      heldOutTokens: await heldOutTokens(run),
    },
    training,
    start: startWords(config),
    adapterDigest: chain.at(-1)!.manifest.adapter,
    rounds: chain.length,
    contributors: contributorsOf(run, chain),
    evaluations: state.evaluations.filter(({ round }) => round <= chain.length),
    scores: state.scores.filter(({ round }) => round <= chain.length),
  }
}

/** A GGUF file says under which licence it is; the licence of other bases is not known here. */
function storedIn({ config, blobs }: SummarisedRun): Pick<RunSummary['base'], 'license' | 'file'> {
  const { name, weights } = config.base
  const ownLicense = name === EMBEDDED.name ? EMBEDDED.license : null
  const file = openRangeFile(blobs.path(weights.digest))
  try {
    if (!isGguf(file.read(0, Math.min(4, file.bytes)))) {
      return { license: ownLicense ?? OTHER_LICENSE, file: 'safetensors' }
    }
    const header = parseGguf(file)
    const license = header.metadata.get('general.license')
    const told = license?.type === 'string' ? license.value : OTHER_LICENSE
    return { license: ownLicense ?? told, file: isWholeModel(header) ? 'gguf' : 'blocks' }
  } finally {
    file.close()
  }
}

/** Those that the loss is a mean over: prompts and padding are not among them. */
async function heldOutTokens({ config: { dataset, base }, blobs }: SummarisedRun): Promise<number> {
  const bytes = await blobs.read(dataset.validationShard.digest)
  const shard = decodeShard(bytes, { ...dataset, vocabSize: base.shape.vocabSize })
  const { targets } = shard.sequences(0, dataset.validationSequences)
  return targets.reduce((sum, target) => sum + Number(target >= 0), 0)
}

/** Those whose work is in the adapter: what a later one of its rounds subtracted is not. */
export function contributorsOf(
  { names, runId }: Pick<SummarisedRun, 'names' | 'runId'>,
  chain: readonly RoundManifest[],
): RunSummary['contributors'] {
  return creditOf(runId, chain).counted.map(({ peer, tokens, contributions }) => {
    return { name: names.get(peer) ?? peer.slice(-PEER_SHOWN), tokens, contributions }
  })
}

/** Characters of a peer's id that stand for a peer without a name. */
const PEER_SHOWN = 8
