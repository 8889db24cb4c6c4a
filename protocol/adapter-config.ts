/** The adapter of a run: its part of RunConfig, and what contradicts itself there. */
import { blobReference } from './blob-reference.ts'
import type { Contradiction } from './contradiction.ts'
import * as limits from './limits.ts'
import {
  digest,
  type Infer,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  real,
  struct,
} from './schema.ts'

const adapterRank = integer(1, limits.ADAPTER_RANK_MAX)
const alpha = real(0.001, 65_536)
const layer = integer(0, limits.LAYERS_MAX - 1)
const TARGETS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
const target = oneOf(...TARGETS)

export const adapter = struct({
  adapterRank,
  alpha,
  targets: list(target, 1, TARGETS.length),
  /** The layers that carry adapters, in ascending order; absent: all do. */
  layers: optional(list(layer, 1, limits.LAYERS_MAX)),
  /** How the adapter's output is scaled. `rslora`: by alpha / √rank; absent: by alpha / rank. */
  scaling: optional(oneOf('rslora')),
  /** What is learned besides A and B. `dora`: the magnitudes of rows; absent: nothing. */
  variant: optional(oneOf('dora')),
  /** Linear layers whose rank or alpha is another, by layer and then in the order of targets. */
  exceptions: optional(list(struct({ layer, target, adapterRank, alpha }), 1, limits.ADAPTED_MAX)),
  /** What the first round starts from; absent: the adapter that the seed gives. */
  start: optional(
    struct({
      /** Its scalars as float32, little endian, in the order of the kernels' layout. */
      checkpoint: blobReference,
      /** The run that made it, in so many rounds if that is known; null: another program. */
      parent: nullable(struct({ run: digest, round: nullable(integer(1, limits.ROUNDS_MAX)) })),
    }),
  ),
})

type AdapterConfig = Infer<typeof adapter>

/** What is wrong with an adapter on a base of so many layers, trained in such a way. */
export function contradictionsOfAdapter(
  shape: { layerCount: number },
  adapter: AdapterConfig,
  { dropout }: { dropout?: number | undefined },
): Contradiction[] {
  const { layers, exceptions = [], targets, variant } = adapter
  const isAdapted = (one: { layer: number; target: (typeof TARGETS)[number] }) =>
    one.layer < shape.layerCount &&
    (layers?.includes(one.layer) ?? true) &&
    targets.includes(one.target)
  const isOther = (one: { adapterRank: number; alpha: number }) =>
    one.adapterRank !== adapter.adapterRank || one.alpha !== adapter.alpha
  const order = exceptions.map((one) => one.layer * TARGETS.length + TARGETS.indexOf(one.target))
  return [
    [
      variant === 'dora' && dropout !== undefined,
      'training.dropout',
      "absent where the adapter's variant is dora",
      dropout,
    ],
    [
      new Set(targets).size !== targets.length,
      'adapter.targets',
      'a list that names each layer once',
      targets.join(', '),
    ],
    [
      layers !== undefined && !(isRising(layers) && layers.at(-1)! < shape.layerCount),
      'adapter.layers',
      `layers from 0 to ${shape.layerCount - 1} in ascending order`,
      layers?.join(', '),
    ],
    [
      layers?.length === shape.layerCount,
      'adapter.layers',
      `absent where all ${shape.layerCount} layers carry adapters`,
      layers?.join(', '),
    ],
    [
      !exceptions.every((one) => isAdapted(one) && isOther(one)),
      'adapter.exceptions',
      'linear layers that carry an adapter of another rank or alpha',
      exceptions
        .filter((one) => !(isAdapted(one) && isOther(one)))
        .map(({ layer, target }) => `${target} of layer ${layer}`)
        .join(', '),
    ],
    [
      !isRising(order),
      'adapter.exceptions',
      'each once, by layer and then in the order q, k, v, o, gate, up, down',
      exceptions.map(({ layer, target }) => `${target} of layer ${layer}`).join(', '),
    ],
  ]
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value > values[i - 1]!)
}
