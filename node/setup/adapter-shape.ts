/** The adapter that a run.yaml asks for on its base. */
import type { AdapterShape, ModelShape } from '../../kernels/index.ts'
import { ConfigError } from '../../protocol/index.ts'
import { exceptionsOf, idlePattern } from '../model/peft-patterns.ts'
import { LAYER_NAMES, targetOf } from './adapter-keys.ts'
import type { LocatedRun } from './locate-run.ts'
import type { RunYaml } from './run-keys.ts'

/** The part of it that RunConfig has, which lists are writable in. */
type Shape = Omit<AdapterShape, 'targets' | 'layers' | 'exceptions'> & {
  targets: AdapterShape['targets'][number][]
  layers?: number[]
  exceptions?: NonNullable<AdapterShape['exceptions']>[number][]
}

/**
 * Fields that say nothing new are left out, so that a run is named as if there were none.
 * @throws ConfigError for a layer that the base lacks, or a pattern that matches none
 */
export function adapterShapeOf({ yaml, placeOf }: LocatedRun, model: ModelShape): Shape {
  const layers = layersOf(yaml, model)
  const missing = layers?.find((layer) => layer >= model.layerCount)
  if (missing !== undefined) {
    const rule = `must be layers from 0 to ${model.layerCount - 1} of this base`
    throw new ConfigError(
      `${placeOf(['peft_layers_to_transform'])} peft_layers_to_transform: ${rule}: current value ` +
        `is ${missing}`,
    )
  }
  const names = yaml.lora_target_linear ? LAYER_NAMES : yaml.lora_target_modules
  const shape: Shape = {
    adapterRank: yaml.lora_r,
    alpha: yaml.lora_alpha,
    targets: [...new Set(names.map(targetOf))],
    ...(layers === null ? {} : { layers }),
    ...(yaml.peft_use_rslora ? { scaling: 'rslora' as const } : {}),
    ...(yaml.peft_use_dora ? { variant: 'dora' as const } : {}),
  }
  for (const key of ['peft_rank_pattern', 'peft_alpha_pattern'] as const) {
    const idle = idlePattern(model, shape, yaml[key])
    if (idle === undefined) continue
    const what = 'it matches none of the linear layers that get an adapter'
    throw new ConfigError(`${placeOf([key, idle])} ${key}.${idle}: ${what}`)
  }
  const { peft_rank_pattern: ranks, peft_alpha_pattern: alphas } = yaml
  const exceptions = exceptionsOf(model, shape, ranks, alphas)
  return { ...shape, ...(exceptions.length === 0 ? {} : { exceptions }) }
}

/** Null: all of them. */
function layersOf(yaml: RunYaml, { layerCount }: ModelShape): number[] | null {
  const { peft_layers_to_transform: named } = yaml
  if (named === undefined) return null
  const layers = [...new Set(named)].toSorted((a, b) => a - b)
  const isAll = layers.length === layerCount && layers.at(-1) === layerCount - 1
  return isAll ? null : layers
}
