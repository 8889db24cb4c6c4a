/**
 * The adapter in the two files of PEFT, which transformers, vLLM, axolotl and llama.cpp's converter
 * read as they are: adapter_config.json and adapter_model.safetensors.
 *
 * DoRA's magnitudes are the norms of the base's rows and what was learned of them. Rounded to
 * float32 their sum no longer says what that is, so it stands beside them, under a name that PEFT
 * passes over.
 *
 * The base's digest and the RunId travel in the weights' metadata, so that an adapter that met
 * another base is refused instead of producing nonsense.
 * Source: huggingface/peft, docs/source/developer_guides/checkpoint.md.
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AdapterShape,
  type AdapterTensor,
  adapterLayout,
  linearName,
  type ModelShape,
} from '../../kernels/index.ts'
import { type Digest, digestOf } from '../../protocol/index.ts'
import { ModelError } from './errors.ts'
import { readNeeded } from './needed-file.ts'
import { adapterConfig, parseAdapterConfig } from './peft-config.ts'
import type { RowNorms } from './row-norms.ts'
import { encodeSafetensors, parseSafetensors, type Safetensors } from './safetensors.ts'

export const CONFIG_FILE = 'adapter_config.json'
const WEIGHTS_FILE = 'adapter_model.safetensors'

/** Keys of the metadata. */
const BASE_KEY = 'base_sha256'
const RUN_KEY = 'run_id'

interface PeftAdapter {
  adapterShape: AdapterShape
  /** N scalars in the order of `adapterLayout`. */
  values: Float32Array
}

export interface ReadPeftAdapter extends PeftAdapter {
  /** Digest of the base's weights; null when the adapter does not say. */
  baseDigest: Digest | null
  runId: string | null
}

export interface PeftExport {
  model: ModelShape
  adapter: AdapterShape
  values: Float32Array
  run: PeftOrigin
  /** The base's; they are asked for with DoRA alone. */
  rowNorms: RowNorms
}

/** Where the adapter comes from. */
interface PeftOrigin {
  runId: string
  training?: { dropout?: number }
  base: { name: string; digest: Digest }
}

/** What PEFT calls a tensor of the adapter. */
export function peftName({ layer, target, part }: AdapterTensor): string {
  const module = moduleName(layer, target)
  return part === 'M' ? `${module}.lora_magnitude_vector` : `${module}.lora_${part}.weight`
}

/** Magnitudes less the norms of the base's rows: what M is, to the last bit. */
const differenceName = ({ layer, target }: AdapterTensor) =>
  `${moduleName(layer, target)}.magnitude_difference`

const moduleName = (layer: number, target: AdapterTensor['target']) =>
  `base_model.model.${linearName(layer, target).replace(/\.weight$/, '')}`

const peftShape = ({ part, rows, columns }: AdapterTensor) =>
  part === 'M' ? [rows] : [rows, columns]

/** Writes both files, the weights last; returns their path and digest. */
export async function writePeftAdapter(
  folder: string,
  { model, adapter, values, run, rowNorms }: PeftExport,
): Promise<{ path: string; digest: Digest }> {
  const weights = encodePeftWeights(model, { adapterShape: adapter, values }, run, rowNorms)
  const config = adapterConfig(model, adapter, run.base.name, run.training?.dropout)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`)
  const path = join(folder, WEIGHTS_FILE)
  await writeFile(path, weights)
  return { path, digest: digestOf(weights) }
}

/**
 * @param rowNorms of the base; null: it is not here, and of DoRA only what Barnraise wrote is read
 * @throws ModelError `other-base` when the adapter was made for other weights than `baseDigest` or
 *   does not fit the shape of `model`, `unsupported` for kinds of adapters that change the maths.
 */
export async function readPeftAdapter(
  folder: string,
  model: ModelShape,
  baseDigest: Digest,
  rowNorms: RowNorms | null = null,
): Promise<ReadPeftAdapter> {
  const config = await readNeeded(join(folder, CONFIG_FILE), 'the adapter')
  const weights = await readNeeded(join(folder, WEIGHTS_FILE), 'the adapter')
  return decodePeftAdapter(config, weights, { model, baseDigest, rowNorms })
}

/** The same from the bytes of both files. */
export function decodePeftAdapter(
  config: Uint8Array,
  weights: Uint8Array,
  base: { model: ModelShape; baseDigest: Digest; rowNorms?: RowNorms | null },
): ReadPeftAdapter {
  const adapterShape = parseAdapterConfig(config, base.model)
  const file = parseSafetensors(weights)
  const madeFor = file.header.metadata.get(BASE_KEY) ?? null
  if (madeFor !== null && madeFor !== base.baseDigest) {
    throw new ModelError(
      'other-base',
      `Cannot use the adapter on this base as the base's weights must have SHA-256 ${madeFor}: ` +
        `current value is ${base.baseDigest}`,
    )
  }
  return {
    adapterShape,
    values: readValues(base.model, adapterShape, file, base.rowNorms ?? null),
    baseDigest: madeFor,
    runId: file.header.metadata.get(RUN_KEY) ?? null,
  }
}

function encodePeftWeights(
  model: ModelShape,
  { adapterShape, values }: PeftAdapter,
  run: PeftOrigin,
  rowNorms: RowNorms,
): Uint8Array {
  const { tensors } = adapterLayout(model, adapterShape)
  return encodeSafetensors(
    tensors.flatMap((tensor) => {
      const [name, shape] = [peftName(tensor), peftShape(tensor)]
      const own = values.subarray(tensor.offset, tensor.offset + tensor.rows * tensor.columns)
      if (tensor.part !== 'M') return [{ name, shape, values: own }]
      return [
        { name, shape, values: magnitudes(rowNorms(tensor), own) },
        { name: differenceName(tensor), shape, values: own },
      ]
    }),
    { format: 'pt', [BASE_KEY]: run.base.digest, [RUN_KEY]: run.runId },
  )
}

const magnitudes = (rowNorms: Float64Array, learned: Float32Array) =>
  learned.map((value, row) => rowNorms[row]! + value)

function readValues(
  model: ModelShape,
  shape: AdapterShape,
  file: Safetensors,
  rowNorms: RowNorms | null,
): Float32Array {
  const layout = adapterLayout(model, shape)
  const values = new Float32Array(layout.count)
  for (const tensor of layout.tensors) {
    const name = peftName(tensor)
    const expected = peftShape(tensor).join()
    const entry = file.header.tensors.get(name)
    if (entry?.shape.join() !== expected) {
      throw new ModelError(
        'other-base',
        `Cannot use the adapter on this base as '${name}' must have shape (${expected}): ` +
          `current value is ${entry === undefined ? 'missing' : `(${entry.shape.join()})`}`,
      )
    }
    const stored = file.tensor(name).values
    const own = tensor.part === 'M' ? learnedOf(tensor, stored, file, rowNorms) : stored
    values.set(own, tensor.offset)
  }
  const learned = layout.tensors.filter(({ part }) => part === 'M').map(differenceName)
  refuseSurplus([...layout.tensors.map(peftName), ...learned], file)
  return values
}

/** M: what stands beside the magnitudes, if they follow from it, else what they leave over. */
function learnedOf(
  tensor: AdapterTensor,
  stored: Float32Array,
  file: Safetensors,
  rowNorms: RowNorms | null,
): Float32Array {
  const name = differenceName(tensor)
  const isThere = file.header.tensors.get(name)?.shape.join() === `${tensor.rows}`
  const beside = isThere ? file.tensor(name).values : null
  if (rowNorms === null) {
    if (beside !== null) return beside
    throw new ModelError('unsupported', `Cannot read '${peftName(tensor)}' without its base`)
  }
  const base = rowNorms(tensor)
  if (beside !== null) {
    const expected = magnitudes(base, beside)
    if (stored.every((value, row) => value === expected[row])) return beside
  }
  return stored.map((value, row) => value - base[row]!)
}

function refuseSurplus(known: readonly string[], file: Safetensors): void {
  const names = new Set(known)
  for (const name of file.header.tensors.keys()) {
    if (names.has(name)) continue
    throw new ModelError(
      'other-base',
      `Cannot use the adapter on this base as the base has no place for its matrix '${name}'`,
    )
  }
}
