/**
 * The adapter in the two files of PEFT, which transformers, vLLM, axolotl and llama.cpp's converter
 * read as they are: adapter_config.json and adapter_model.safetensors.
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
}

/** Where the adapter comes from. */
interface PeftOrigin {
  runId: string
  training?: { dropout?: number }
  base: { name: string; digest: Digest }
}

/** What PEFT calls a matrix of the adapter. */
export function peftName({ layer, target, part }: AdapterTensor): string {
  const module = linearName(layer, target).replace(/\.weight$/, '')
  return `base_model.model.${module}.lora_${part}.weight`
}

/** Writes both files, the weights last; returns their path and digest. */
export async function writePeftAdapter(
  folder: string,
  { model, adapter, values, run }: PeftExport,
): Promise<{ path: string; digest: Digest }> {
  const weights = encodePeftWeights(model, { adapterShape: adapter, values }, run)
  const config = adapterConfig(model, adapter, run.base.name, run.training?.dropout)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`)
  const path = join(folder, WEIGHTS_FILE)
  await writeFile(path, weights)
  return { path, digest: digestOf(weights) }
}

/**
 * @throws ModelError `other-base` when the adapter was made for other weights than `baseDigest` or
 *   does not fit the shape of `model`, `unsupported` for kinds of adapters that change the maths.
 */
export async function readPeftAdapter(
  folder: string,
  model: ModelShape,
  baseDigest: Digest,
): Promise<ReadPeftAdapter> {
  const config = await readNeeded(join(folder, CONFIG_FILE), 'the adapter')
  const weights = await readNeeded(join(folder, WEIGHTS_FILE), 'the adapter')
  return decodePeftAdapter(config, weights, { model, baseDigest })
}

/** The same from the bytes of both files. */
export function decodePeftAdapter(
  config: Uint8Array,
  weights: Uint8Array,
  base: { model: ModelShape; baseDigest: Digest },
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
    values: readValues(base.model, adapterShape, file),
    baseDigest: madeFor,
    runId: file.header.metadata.get(RUN_KEY) ?? null,
  }
}

function encodePeftWeights(
  model: ModelShape,
  { adapterShape, values }: PeftAdapter,
  run: PeftOrigin,
): Uint8Array {
  const { tensors } = adapterLayout(model, adapterShape)
  return encodeSafetensors(
    tensors.map((tensor) => ({
      name: peftName(tensor),
      shape: [tensor.rows, tensor.columns],
      values: values.subarray(tensor.offset, tensor.offset + tensor.rows * tensor.columns),
    })),
    { format: 'pt', [BASE_KEY]: run.base.digest, [RUN_KEY]: run.runId },
  )
}

function readValues(model: ModelShape, shape: AdapterShape, file: Safetensors): Float32Array {
  const layout = adapterLayout(model, shape)
  const values = new Float32Array(layout.count)
  for (const tensor of layout.tensors) {
    const name = peftName(tensor)
    const expected = `${tensor.rows},${tensor.columns}`
    const entry = file.header.tensors.get(name)
    if (entry?.shape.join() !== expected) {
      throw new ModelError(
        'other-base',
        `Cannot use the adapter on this base as '${name}' must have shape (${expected}): ` +
          `current value is ${entry === undefined ? 'missing' : `(${entry.shape.join()})`}`,
      )
    }
    values.set(file.tensor(name).values, tensor.offset)
  }
  refuseSurplus(layout.tensors.map(peftName), file)
  return values
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
