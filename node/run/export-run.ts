/** What a run has made after a round, written for other programs. */
import { join } from 'node:path'
import { decode } from '../../protocol/codec.ts'
import type { Digest } from '../../protocol/digest.ts'
import { type Manifest, manifestSchema } from '../../protocol/envelope.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { bytes, parse, struct } from '../../protocol/schema.ts'
import type { DtypeName, ExportFormat } from '../export/formats.ts'
import type { RunSummary } from '../export/takeaway.ts'
import { writeExport } from '../export/write-export.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { floatsOf } from '../training/floats.ts'
import { type OpenedRun, openRun } from './open-run.ts'
import type { RunFolder } from './run-folder.ts'

export interface ExportOptions {
  format: ExportFormat
  /** The adapter after this many rounds; null: the latest. */
  round: number | null
  /** Null: a folder of the run that is named after the format. */
  out: string | null
  dtype?: DtypeName | null
}

export interface Exported {
  format: ExportFormat
  folder: string
  /** Its file of weights, and the digest of that file. */
  path: string
  sha256: Digest
  /** The types of the weights in it. */
  weights: string
  round: number
}

const signedManifest = struct({ manifest: manifestSchema, signature: bytes(64, 64) })
export type SignedManifest = { manifest: Manifest; signature: Uint8Array }

/** Of other bases the licence is theirs to tell. */
const EMBEDDED_NAME = 'embedded'
/** A manifest lists every contribution of its round. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024

export async function readManifest(blobs: BlobStore, digest: Digest): Promise<SignedManifest> {
  const value = decode(await blobs.read(digest), MANIFEST_BYTES_MAX)
  return parse(signedManifest, value, 'manifest')
}

/** @throws ConfigError when the run has no adapter of that round yet. */
export async function exportRun(folder: RunFolder, options: ExportOptions): Promise<Exported> {
  const { format, round, out, dtype = null } = options
  const run = await openRun(folder)
  const chain = await manifests(run)
  const index = round === null ? chain.length - 1 : round - 1
  const manifest = chain[index]
  if (manifest === undefined) {
    throw new ConfigError(
      `Cannot export the adapter of round ${index + 1}: the run in '${folder.root}' has finished ` +
        `${chain.length} rounds`,
    )
  }
  const { base, adapter } = run.config
  const target = out ?? join(folder.root, format === 'peft' ? 'adapter' : format)
  const { path, digest, weights } = await writeExport(
    { format, folder: target, dtype },
    {
      model: base.shape,
      adapter,
      values: floatsOf(await run.blobs.read(manifest.checkpoint.digest)),
      base: { folder: folder.base, weights: run.blobs.path(base.weights.digest) },
      run: summaryOf(run, chain.slice(0, index + 1)),
    },
  )
  return { format, folder: target, path, sha256: digest, weights, round: manifest.round + 1 }
}

/** The manifests of all finished rounds, oldest first. */
async function manifests({ state, blobs }: OpenedRun): Promise<Manifest[]> {
  const chain: Manifest[] = []
  let next = state.parent?.digest ?? null
  while (next !== null) {
    const { manifest } = await readManifest(blobs, next)
    chain.unshift(manifest)
    next = manifest.parent
  }
  return chain
}

function summaryOf(run: OpenedRun, chain: readonly Manifest[]): RunSummary {
  const { config, runId, state } = run
  const { base, dataset, training } = config
  const tokensOf = (sequences: number) => sequences * dataset.sequenceLength
  return {
    name: config.name,
    runId,
    base: {
      name: base.name,
      digest: base.weights.digest,
      license: base.name === EMBEDDED_NAME ? 'apache-2.0' : 'other',
    },
    dataset: {
      name: dataset.name,
      sequenceLength: dataset.sequenceLength,
      trainTokens: tokensOf(dataset.trainSequences),
      heldOutTokens: tokensOf(dataset.validationSequences),
    },
    training,
    adapterDigest: chain.at(-1)!.adapter,
    rounds: chain.length,
    contributors: contributorsOf(run, chain),
    evaluations: state.evaluations.filter(({ round }) => round <= chain.length),
  }
}

function contributorsOf(
  { names }: OpenedRun,
  chain: readonly Manifest[],
): RunSummary['contributors'] {
  const counted = new Map<string, { name: string; tokens: number; contributions: number }>()
  for (const { peer, tokens } of chain.flatMap((manifest) => manifest.contributions)) {
    const name = names.get(peer) ?? peer.slice(-PEER_SHOWN)
    const sum = counted.get(peer) ?? { name, tokens: 0, contributions: 0 }
    sum.tokens += tokens
    sum.contributions += 1
    counted.set(peer, sum)
  }
  return [...counted.values()].sort((a, b) => b.tokens - a.tokens)
}

/** Characters of a peer's id that stand for a peer without a name. */
const PEER_SHOWN = 8
