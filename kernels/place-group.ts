/** Where the linear layers of a group and their adapters lie: a part of the table in buffers.ts. */
import { type BaseKernels, type GroupWeight, placeGroupWeights } from './frozen-base.ts'
import { forGroups, GROUPS, type GroupName } from './groups.ts'
import type { AdapterTensor } from './lora.ts'
import type { Pointer } from './ops.ts'
import type { Place } from './place.ts'
import { type AdapterShape, type ModelShape, TARGETS, type Target, targetSize } from './shape.ts'

interface GroupShape {
  model: ModelShape
  adapter: AdapterShape
  kernels: BaseKernels
}

/** A (R,I), B (O,R) and their gradients, of one linear layer of a group. */
export interface Lora {
  rank: number
  /** s: alpha / R, or alpha / √R. */
  scale: number
  /** What its dropout is drawn by: no other layer of the model has it. */
  stream: number
  outputs: number
  /** Its first row in the A of the group, and its first column in the outputs. */
  row: number
  column: number
  a: Pointer
  b: Pointer
  da: Pointer
  db: Pointer
  /** null: without DoRA. */
  magnitudes: Magnitudes | null
}

/** What DoRA keeps of one linear layer, (O) each. */
export interface Magnitudes {
  /** M and its gradient. */
  m: Pointer
  dm: Pointer
  /** (‖W‖ + M) / ‖V‖ */
  factor: Pointer
  /** 1 / ‖V‖ */
  inverse: Pointer
}

/** Linear layers that read the same x: W (O,I) is theirs, one below the other. */
export interface Group {
  inputs: number
  outputs: number
  weights: readonly GroupWeight[]
  loras: readonly Lora[]
  /** Rows of A, one below the other; 0 where the group has no adapter. */
  ranks: number
  /** (T,ranks): s · x·Aᵀ, kept for the backward. */
  h: Pointer
  /** (T,O) with DoRA: y before its columns are scaled, kept for the backward. */
  raw: Pointer
  /** A (ranks,I) and its gradient: copies where it has several parts. */
  a: Pointer
  da: Pointer
}

export interface AdapterPlace {
  /** A and B of each linear layer that has them. */
  byPlace: ReadonlyMap<string, readonly AdapterTensor[]>
  theta: Pointer
  gradient: Pointer
  ranks: Record<GroupName, number>
  stacks: Record<GroupName, { a: Pointer; da: Pointer }>
}

export function placeGroup(
  shape: GroupShape,
  layer: number,
  name: GroupName,
  adapter: AdapterPlace,
  { h, raw, magnitudes }: { h: Pointer; raw: Pointer; magnitudes: Pointer },
  place: Place,
): Group {
  const { inputs } = targetSize(shape.model, GROUPS[name][0])
  const loras: Lora[] = []
  let outputs = 0
  let ranks = 0
  for (const target of GROUPS[name]) {
    const size = targetSize(shape.model, target).outputs
    const at = magnitudes + 2 * 4 * outputs
    const tensors = tensorsOf(adapter, layer, target, { factor: at, inverse: at + 4 * size })
    if (tensors !== null) {
      const stream = layer * TARGETS.length + TARGETS.indexOf(target)
      loras.push({ outputs: size, stream, row: ranks, column: outputs, ...tensors })
      ranks += tensors.rank
    }
    outputs += size
  }
  const { a, da } = loras.length === 1 ? loras[0]! : adapter.stacks[name]
  const weights = placeGroupWeights(shape, layer, name, GROUPS[name], place)
  return { inputs, outputs, weights, loras, ranks, h, raw, a, da }
}

export const placeName = (layer: number, target: Target): string => `${layer}.${target}`

function tensorsOf(
  { byPlace, theta, gradient }: AdapterPlace,
  layer: number,
  target: Target,
  magnitudes: Pick<Magnitudes, 'factor' | 'inverse'>,
): Pick<Lora, 'rank' | 'scale' | 'a' | 'b' | 'da' | 'db' | 'magnitudes'> | null {
  const [a, b, m] = byPlace.get(placeName(layer, target)) ?? []
  if (a === undefined || b === undefined) return null
  return {
    rank: a.rows,
    scale: a.scale,
    a: theta + 4 * a.offset,
    b: theta + 4 * b.offset,
    da: gradient + 4 * a.offset,
    db: gradient + 4 * b.offset,
    magnitudes: m ? { m: theta + 4 * m.offset, dm: gradient + 4 * m.offset, ...magnitudes } : null,
  }
}

/** Room for the A of groups that have several, used by one layer after the other. */
export function placeStacks(
  { model, adapter }: GroupShape,
  ranks: Record<GroupName, number>,
  place: Place,
): AdapterPlace['stacks'] {
  return forGroups((name) => {
    const { inputs } = targetSize(model, GROUPS[name][0])
    const carriers = GROUPS[name].filter((target) => adapter.targets.includes(target))
    const bytes = carriers.length > 1 ? 4 * ranks[name] * inputs : 0
    return { a: place(`scratch.${name}.a`, bytes), da: place(`scratch.${name}.da`, bytes) }
  })
}

/** Outputs of a group whose columns DoRA scales, in some layer; 0: it scales none. */
export function scaledColumns({ model, adapter }: GroupShape, name: GroupName): number {
  const targets: readonly Target[] = GROUPS[name]
  const isScaled = targets.some((target) => adapter.targets.includes(target))
  if (adapter.variant !== 'dora' || !isScaled) return 0
  return targets.reduce((sum, target) => sum + targetSize(model, target).outputs, 0)
}
