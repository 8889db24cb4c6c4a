/** The adapter that run.yaml lets a run begin with: another run's, or one in PEFT's files. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type AdapterShape, type ModelShape, TARGETS } from '../../kernels/index.ts'
import { ConfigError, type Digest, digestOf, type RunConfig } from '../../protocol/index.ts'
import { bytesOf, floatsOf } from '../compute/floats.ts'
import type { BaseModel } from '../model/base-model.ts'
import { CONFIG_FILE, readPeftAdapter } from '../model/peft.ts'
import { patternsOf } from '../model/peft-patterns.ts'
import { rowNormsOf } from '../model/row-norms.ts'
import { manifestsUntil } from '../run/manifests.ts'
import { openRun } from '../run/open-run.ts'
import { isRunFolder, runFolder } from '../run/run-folder.ts'
import { StorageError } from '../storage/errors.ts'
import { adapterShapeOf } from './adapter-shape.ts'
import type { LocatedRun } from './locate-run.ts'

const DIGEST = /^[0-9a-f]{64}$/

export type Start = NonNullable<RunConfig['adapter']['start']>

export interface StartAdapter {
  start: Start
  /** Scalars as float32, in the order of `adapterLayout`. */
  bytes: Uint8Array
  /** Where it is from, for the organiser. */
  origin: string
  /** The text that was held out when it was trained; null: nobody knows. */
  heldOut: Digest | null
}

/**
 * Null: run.yaml names none.
 * @throws ConfigError with the key at fault, where it cannot be had or does not fit the run
 */
export async function readStartAdapter(
  run: LocatedRun,
  base: BaseModel,
): Promise<StartAdapter | null> {
  const { adapter_from: from, adapter_round: round } = run.yaml
  if (from === undefined) {
    if (round === undefined) return null
    throw fault(run, 'adapter_round', "it needs 'adapter_from', the run whose round it is")
  }
  const path = resolve(run.folder, from)
  const isRun = isRunFolder(path)
  checkPlace(run, path, isRun)
  try {
    const { shape, parent, ...found } = isRun
      ? await ofRun(path, base, round ?? null)
      : await ofPeft(path, base)
    checkShape(run, base.shape, shape)
    const { bytes } = found
    if (!floatsOf(bytes).every(Number.isFinite)) {
      throw new ConfigError(`The adapter in '${path}' holds values that are no numbers`)
    }
    const checkpoint = { digest: digestOf(bytes), bytes: bytes.length }
    return { start: { checkpoint, parent }, ...found }
  } catch (error) {
    if (error instanceof KeyError) throw error
    const isTheirs = error instanceof ConfigError || error instanceof StorageError
    throw isTheirs ? fault(run, 'adapter_from', error.message) : error
  }
}

function checkPlace(run: LocatedRun, path: string, isRun: boolean): void {
  if (isRun) return
  if (!existsSync(join(path, CONFIG_FILE))) {
    const neither = 'neither a run (run-config.bin) nor a PEFT adapter (adapter_config.json)'
    throw fault(run, 'adapter_from', `in '${path}' is ${neither}`)
  }
  if (run.yaml.adapter_round !== undefined) {
    throw fault(run, 'adapter_round', `only a run has rounds, and '${path}' is none: leave it out`)
  }
}

interface Found extends Omit<StartAdapter, 'start'> {
  shape: AdapterShape
  parent: Start['parent']
}

async function ofRun(path: string, base: BaseModel, round: number | null): Promise<Found> {
  const run = await openRun(runFolder(path))
  const { config, runId, state, blobs } = run
  const { digest } = config.base.weights
  if (digest !== base.file.digest) {
    throw new ConfigError(
      `The run in '${path}' trains on another base: its weights have SHA-256 ${digest}, those of ` +
        `'base_model' ${base.file.digest}`,
    )
  }
  const chain = await manifestsUntil(run, round)
  const last = chain.at(-1)
  if (last === undefined) {
    throw new ConfigError(`The run in '${path}' has finished no round yet`)
  }
  return {
    shape: config.adapter,
    bytes: await blobs.read(last.manifest.checkpoint.digest),
    parent: { run: runId, round: chain.length },
    heldOut: config.dataset.validationShard.digest,
    origin: `'${config.name}' after round ${chain.length} of ${state.round.start.round}`,
  }
}

async function ofPeft(path: string, base: BaseModel): Promise<Found> {
  const { adapterShape, values, runId } = await readPeftAdapter(
    path,
    base.shape,
    base.file.digest,
    rowNormsOf(base.shape, base.weights),
  )
  return {
    shape: adapterShape,
    bytes: bytesOf(values),
    // Others may have written anything there.
    parent: runId !== null && DIGEST.test(runId) ? { run: runId, round: null } : null,
    heldOut: null,
    origin: `the adapter in '${path}'`,
  }
}

/** The run's adapter has the shape of the one that it starts from. */
function checkShape(run: LocatedRun, model: ModelShape, shape: AdapterShape): void {
  const own = adapterShapeOf(run, model)
  const namesOf = (targets: readonly string[]) =>
    targets
      .map((target) => `${target}_proj`)
      .toSorted()
      .join(', ')
  for (const [key, wanted, current] of [
    ['lora_r', shape.adapterRank, own.adapterRank],
    ['lora_alpha', shape.alpha, own.alpha],
    ['lora_target_modules', namesOf(shape.targets), namesOf(own.targets)],
    ['peft_layers_to_transform', layersIn(shape), layersIn(own)],
    ['peft_use_rslora', shape.scaling === 'rslora', own.scaling === 'rslora'],
    ['peft_use_dora', shape.variant === 'dora', own.variant === 'dora'],
    ...(['adapterRank', 'alpha'] as const).map((field) => {
      const key = field === 'alpha' ? 'peft_alpha_pattern' : 'peft_rank_pattern'
      return [key, patternsIn(model, shape, field), patternsIn(model, own, field)] as const
    }),
  ] as const) {
    if (wanted === current) continue
    const rule = `must be ${wanted}, as in the adapter that 'adapter_from' names`
    throw fault(run, key, `${rule}: current value is ${current}`)
  }
}

const layersIn = ({ layers }: AdapterShape) => layers?.join(', ') ?? 'left out'

/** Two shapes that say it by the same patterns say the same, whoever wrote them. */
const patternsIn = (model: ModelShape, shape: AdapterShape, field: 'adapterRank' | 'alpha') =>
  JSON.stringify(patternsOf(model, inOrder(shape), field))

const inOrder = (shape: AdapterShape): AdapterShape => ({
  ...shape,
  targets: TARGETS.filter((target) => shape.targets.includes(target)),
})

/** It says already which key is at fault. */
class KeyError extends ConfigError {}

const fault = ({ placeOf }: LocatedRun, key: string, what: string): KeyError =>
  new KeyError(`${placeOf([key])} ${key}: ${what}`)
