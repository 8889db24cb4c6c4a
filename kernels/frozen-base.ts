/**
 * Each matrix of the base: the kind that it is stored in, and where it lies. Layers that read the
 * same x are one weight, but where their matrices are of several kinds: then there is a weight for
 * each run of neighbours of one kind.
 */
import { rowUnit } from './blocks.ts'
import { weightBytes } from './frozen.ts'
import type { FrozenWeight, ProductPath, StorageKind } from './ops.ts'
import type { Place } from './place.ts'
import { type ModelShape, ShapeError, TARGETS, type Target, targetSize } from './shape.ts'
import { weightMatrices } from './weights.ts'

/** How the frozen base is stored and multiplied: both decide bits. */
export interface BaseKernels {
  /** `blocks`: each matrix in the kind that its file has it in. */
  base: StorageKind | 'blocks'
  path: ProductPath
  /** The kinds of the matrices, in the order of `weightMatrices`, where the base is `blocks`. */
  kinds?: readonly StorageKind[] | undefined
}

/** W of neighbours in a group that are stored in one kind, one below the other. */
export interface GroupWeight {
  weight: FrozenWeight
  /** Its first column in the outputs of the group. */
  column: number
}

export function embeddingKind({ base, kinds }: BaseKernels): StorageKind {
  return base === 'blocks' ? kinds![0]! : base
}

/** That of a head that is not the embedding. */
export function headKind({ base, kinds }: BaseKernels): StorageKind {
  return base === 'blocks' ? kinds!.at(-1)! : base
}

export function linearKind(
  { base, kinds }: BaseKernels,
  layer: number,
  target: Target,
): StorageKind {
  if (base !== 'blocks') return base
  return kinds![1 + layer * TARGETS.length + TARGETS.indexOf(target)]!
}

/** Throws ShapeError unless every matrix has a kind whose blocks fill its rows. */
export function checkKinds({ base, kinds }: BaseKernels, model: ModelShape): void {
  const matrices = weightMatrices(model)
  if (base === 'blocks' && kinds?.length !== matrices.length) {
    throw new ShapeError(
      `Cannot store a base of ${matrices.length} matrices in ${kinds?.length ?? 0} 'kinds'`,
    )
  }
  for (const [index, { name, shape }] of matrices.entries()) {
    const kind = base === 'blocks' ? kinds![index]! : base
    if (shape[1]! % rowUnit(kind) === 0) continue
    throw new ShapeError(`Cannot store '${name}' as its rows of ${shape[1]} are no ${kind} blocks`)
  }
}

export function placeWeight(
  kind: StorageKind,
  name: string,
  [outputs, inputs]: readonly [outputs: number, inputs: number],
  place: Place,
): FrozenWeight {
  const bytes = weightBytes(kind, outputs, inputs)
  const values = place(name, bytes.values)
  const scales = place(`${name} scales`, bytes.scales)
  return { kind, values, scales, outputs, inputs }
}

export function placeGroupWeights(
  { model, kernels }: { model: ModelShape; kernels: BaseKernels },
  layer: number,
  group: string,
  targets: readonly Target[],
  place: Place,
): GroupWeight[] {
  const runs: { kind: StorageKind; column: number; outputs: number }[] = []
  let column = 0
  for (const target of targets) {
    const kind = linearKind(kernels, layer, target)
    const { outputs } = targetSize(model, target)
    const last = runs.at(-1)
    if (last?.kind === kind) last.outputs += outputs
    else runs.push({ kind, column, outputs })
    column += outputs
  }
  const { inputs } = targetSize(model, targets[0]!)
  return runs.map(({ kind, column, outputs }, index) => {
    const title = `layers.${layer}.${group}.weight${index === 0 ? '' : ` ${index}`}`
    return { column, weight: placeWeight(kind, title, [outputs, inputs], place) }
  })
}
