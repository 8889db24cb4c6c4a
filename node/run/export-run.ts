/** The adapter of a run, written for other programs. */
import { join } from 'node:path'
import { decode } from '../../protocol/codec.ts'
import type { Digest } from '../../protocol/digest.ts'
import { type Manifest, manifestSchema } from '../../protocol/envelope.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { bytes, parse, struct } from '../../protocol/schema.ts'
import type { RunSummary } from '../model/model-card.ts'
import { writePeftAdapter } from '../model/peft.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { floatsOf } from '../training/floats.ts'
import { type OpenedRun, openRun } from './open-run.ts'
import type { RunFolder } from './run-folder.ts'

export interface ExportOptions {
  /** The adapter after this many rounds; null: the latest. */
  round: number | null
  /** Null: the folder `adapter` of the run. */
  out: string | null
}

export interface Exported {
  /** The PEFT folder. */
  folder: string
  /** Its weights file, and the digest of that file. */
  path: string
  sha256: Digest
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
  const run = await openRun(folder)
  const chain = await manifests(run)
  const index = options.round === null ? chain.length - 1 : options.round - 1
  const manifest = chain[index]
  if (manifest === undefined) {
    throw new ConfigError(
      `Cannot export the adapter of round ${index + 1}: the run in '${folder.root}' has finished ` +
        `${chain.length} rounds`,
    )
  }
  const values = floatsOf(await run.blobs.read(manifest.checkpoint.digest))
  const out = options.out ?? folder.adapter
  const { path, digest } = await writePeftAdapter(out, {
    model: run.config.base.shape,
    adapterShape: run.config.adapter,
    values,
    run: summaryOf(run, chain.slice(0, index + 1)),
    tokenizerFiles: ['tokenizer.json', 'tokenizer_config.json'].map((name) =>
      join(folder.base, name),
    ),
  })
  return { folder: out, path, sha256: digest, round: manifest.round + 1 }
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

function summaryOf({ config, runId, state }: OpenedRun, chain: readonly Manifest[]): RunSummary {
  const contributions = chain.flatMap((manifest) => manifest.contributions)
  const last = chain.at(-1)!
  const lossOf = (round: number) =>
    state.evaluations.find((evaluation) => evaluation.round === round)?.loss ?? null
  return {
    name: config.name,
    runId,
    base: {
      name: config.base.name,
      digest: config.base.weights.digest,
      license: config.base.name === EMBEDDED_NAME ? 'apache-2.0' : 'other',
    },
    dataset: {
      name: config.dataset.name,
      trainTokens: config.dataset.trainSequences * config.dataset.sequenceLength,
    },
    adapterDigest: last.adapter,
    rounds: chain.length,
    tokens: contributions.reduce((sum, { tokens }) => sum + tokens, 0),
    volunteers: new Set(contributions.map(({ peer }) => peer)).size,
    heldOut: {
      tokens: config.dataset.validationSequences * config.dataset.sequenceLength,
      lossBefore: lossOf(0),
      lossAfter: lossOf(last.round + 1),
    },
  }
}
