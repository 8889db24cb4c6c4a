/**
 * The adapter: low-rank matrices A and B beside the frozen linear layers, y = x·Wᵀ + s·(x·Aᵀ)·Bᵀ
 * with s = alpha / R, or alpha / √R where ranks are stabilised.
 *
 * With DoRA each row of W + s·B·A has a magnitude besides: see dora.ts.
 *
 * Everything about an adapter (values, gradient, moments, deltas) is one flat float32 array of N
 * scalars in canonical order: layer, then the order of TARGETS, A before B before M, row-major.
 * Source: Hu et al. 2021, LoRA, §4.1.
 */
import { philox } from './philox.ts'
import {
  type AdapterException,
  type AdapterShape,
  type ModelShape,
  ShapeError,
  TARGETS,
  type Target,
  targetSize,
} from './shape.ts'

/** A (R,I), B (O,R) or M (O,1) of one linear layer: `rows` x `columns` scalars from `offset`. */
export interface AdapterTensor {
  layer: number
  target: Target
  /** M, of DoRA alone, is the magnitude of each row less the norm of W's. */
  part: 'A' | 'B' | 'M'
  rows: number
  columns: number
  offset: number
  /** s of its linear layer. */
  scale: number
}

export interface AdapterLayout {
  /** N */
  count: number
  tensors: readonly AdapterTensor[]
}

/** Throws ShapeError unless the shapes make sense. The order of `targets` does not matter. */
export function adapterLayout(model: ModelShape, adapter: AdapterShape): AdapterLayout {
  checkModelShape(model)
  checkAdapterShape(adapter)
  checkPlaces(model, adapter)
  const tensors: AdapterTensor[] = []
  let offset = 0
  for (const { layer, target, adapterRank: rank, alpha } of placesOf(model, adapter)) {
    const { inputs, outputs } = targetSize(model, target)
    const scale = alpha / (adapter.scaling === 'rslora' ? Math.sqrt(rank) : rank)
    tensors.push({ layer, target, part: 'A', rows: rank, columns: inputs, offset, scale })
    offset += rank * inputs
    tensors.push({ layer, target, part: 'B', rows: outputs, columns: rank, offset, scale })
    offset += outputs * rank
    if (adapter.variant !== 'dora') continue
    tensors.push({ layer, target, part: 'M', rows: outputs, columns: 1, offset, scale })
    offset += outputs
  }
  return { count: offset, tensors }
}

/** Each linear layer that carries an adapter, with its own R and alpha, in canonical order. */
function* placesOf(model: ModelShape, adapter: AdapterShape): Generator<AdapterException> {
  const { adapterRank, alpha, targets, layers, exceptions = [] } = adapter
  const places = new Set(layers ?? Array.from({ length: model.layerCount }, (_, layer) => layer))
  const own = new Map(exceptions.map((one) => [`${one.layer} ${one.target}`, one]))
  for (const layer of places) {
    for (const target of TARGETS) {
      if (!targets.includes(target)) continue
      yield own.get(`${layer} ${target}`) ?? { layer, target, adapterRank, alpha }
    }
  }
}

/**
 * Where every adapter of a run starts: A ~ U(-1, 1) / sqrt(I), B = 0 and M = 0, so that the first
 * forward is the base's. Scalar i takes word i mod 4 of Philox block floor(i / 4): the values
 * depend on the seed and the layout alone. `seed` is any integer from 0 to 2^53 - 1.
 */
export function initialAdapter(layout: AdapterLayout, seed: number): Float32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ShapeError(
      `Cannot draw an adapter as 'seed' must be an integer >= 0, < 2^53: current value is ${seed}`,
    )
  }
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)] as const
  const values = new Float32Array(layout.count)
  for (const { part, rows, columns, offset } of layout.tensors) {
    if (part !== 'A') continue
    const bound = 1 / Math.sqrt(columns)
    // Every tensor starts with a block, as its rows are multiples of four scalars.
    for (let i = offset; i < offset + rows * columns; i += 4) {
      const words = philox(key, [i >>> 2, 0, 0, 0])
      for (let place = 0; place < 4; place++) {
        values[i + place] = symmetricUnit(words[place]!) * bound
      }
    }
  }
  return values
}

/** Throws ShapeError unless an adapter has the scalars of the layout. */
export function checkAdapter(layout: AdapterLayout, adapter: Float32Array): void {
  if (adapter.length === layout.count) return
  throw new ShapeError(
    `Cannot load an adapter as it must have ${layout.count} scalars: ` +
      `current value is ${adapter.length}`,
  )
}

/** One of the 2^24 odd multiples of 2^-24 in (-1, 1): symmetric, never zero. */
function symmetricUnit(word: number): number {
  return (2 * (word >>> 8) + 1 - 2 ** 24) / 2 ** 24
}

/** Rows are multiples of four scalars, so that every tensor, head and block starts aligned. */
function checkModelShape(model: ModelShape): void {
  for (const name of ['vocabSize', 'layerCount', 'headCount', 'kvHeadCount'] as const) {
    check(name, model[name], isCount(model[name]), 'a positive integer')
  }
  for (const name of ['hiddenSize', 'intermediateSize', 'headDim'] as const) {
    const value = model[name]
    check(name, value, isCount(value) && value % 4 === 0, 'a positive multiple of 4')
  }
  const { headCount, kvHeadCount, headDim, ropeTheta, ropeDivisors, rmsNormEps } = model
  check('headCount', headCount, headCount % kvHeadCount === 0, `a multiple of ${kvHeadCount}`)
  check('ropeTheta', ropeTheta, ropeTheta > 0 && Number.isFinite(ropeTheta), 'positive')
  if (ropeDivisors !== null) {
    const fits = ropeDivisors.length === headDim / 2 && ropeDivisors.every((by) => by > 0)
    check('ropeDivisors', ropeDivisors.join(), fits, `${headDim / 2} positive numbers`)
  }
  check('rmsNormEps', rmsNormEps, rmsNormEps > 0 && Number.isFinite(rmsNormEps), 'positive')
}

function checkAdapterShape({ adapterRank, alpha, targets }: AdapterShape): void {
  check('adapterRank', adapterRank, isCount(adapterRank), 'a positive integer')
  check('alpha', alpha, alpha > 0 && Number.isFinite(alpha), 'positive')
  const known = targets.length > 0 && targets.every((target) => TARGETS.includes(target))
  const distinct = new Set(targets).size === targets.length
  check('targets', targets.join(), known && distinct, `one or more of ${TARGETS.join()}, once each`)
}

/** Layers and exceptions are those of the model, in canonical order, each once. */
function checkPlaces({ layerCount }: ModelShape, { layers, exceptions, ...adapter }: AdapterShape) {
  const all = layers ?? Array.from({ length: layerCount }, (_, layer) => layer)
  const isLayer = (layer: number) => Number.isSafeInteger(layer) && layer >= 0 && layer < layerCount
  const rising = isRising(all) && all.every(isLayer)
  check('layers', all.join(), all.length > 0 && rising, `rising, from 0 to ${layerCount - 1}`)
  for (const { layer, target, adapterRank, alpha } of exceptions ?? []) {
    checkAdapterShape({ adapterRank, alpha, targets: [target] })
    const isAdapted = all.includes(layer) && adapter.targets.includes(target)
    check('exceptions', `${target} of layer ${layer}`, isAdapted, 'of layers that have an adapter')
  }
  const places = (exceptions ?? []).map(({ layer, target }) => layer * 7 + TARGETS.indexOf(target))
  check('exceptions', places.join(), isRising(places), 'in canonical order, each once')
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value > values[i - 1]!)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

function check(name: string, value: number | string, holds: boolean, rule: string): void {
  if (holds) return
  throw new ShapeError(
    `Cannot lay out an adapter as '${name}' must be ${rule}: current value is ${value}`,
  )
}
