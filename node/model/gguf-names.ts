/**
 * What llama.cpp calls a model's tensors, and where its order of rows differs from the hub's.
 *
 * Hugging Face turns the first half of a head against the second; llama.cpp, for the architecture
 * `llama` alone, turns each even row against the odd one after it, as Meta's own weights do. So the
 * rows of q and k, and what is added to them, change places on the way.
 * Source: llama.cpp, gguf-py/gguf/tensor_mapping.py; conversion of LlamaModel, `permute`.
 */
import {
  biasName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  headNormName,
  inputNormName,
  linearName,
  type ModelShape,
  middleNormName,
  type Target,
} from '../../kernels/index.ts'

export type GgufArchitecture = 'llama' | 'qwen2' | 'qwen3'

/** Llama and Mistral are one to llama.cpp; Qwen's are told by what they add. */
export function ggufArchitecture({ qkvBias, headNorm }: ModelShape): GgufArchitecture {
  if (headNorm) return 'qwen3'
  return qkvBias ? 'qwen2' : 'llama'
}

const LINEAR: Readonly<Record<Target, string>> = {
  q: 'attn_q',
  k: 'attn_k',
  v: 'attn_v',
  o: 'attn_output',
  gate: 'ffn_gate',
  up: 'ffn_up',
  down: 'ffn_down',
}

export const ggufLinearName = (layer: number, target: Target): string =>
  `blk.${layer}.${LINEAR[target]}.weight`

/** Names of the base's tensors in GGUF by their names on the hub. */
export function ggufNames(model: ModelShape): ReadonlyMap<string, string> {
  const names = new Map([
    [EMBEDDING, 'token_embd.weight'],
    [FINAL_NORM, 'output_norm.weight'],
    [HEAD, 'output.weight'],
  ])
  for (let layer = 0; layer < model.layerCount; layer++) {
    const block = `blk.${layer}`
    names.set(inputNormName(layer), `${block}.attn_norm.weight`)
    names.set(middleNormName(layer), `${block}.ffn_norm.weight`)
    for (const target of ['q', 'k'] as const) {
      names.set(headNormName(layer, target), `${block}.attn_${target}_norm.weight`)
    }
    for (const target of ['q', 'k', 'v'] as const) {
      names.set(biasName(layer, target), `${block}.attn_${target}.bias`)
    }
    for (const target of Object.keys(LINEAR) as Target[]) {
      names.set(linearName(layer, target), ggufLinearName(layer, target))
    }
  }
  return names
}

/** How many heads' rows change places in a tensor that writes to `target`; null: none do. */
export function permutedHeads(model: ModelShape, target: Target): number | null {
  if (ggufArchitecture(model) !== 'llama') return null
  if (target === 'q') return model.headCount
  return target === 'k' ? model.kvHeadCount : null
}

/** Rows of numbers, or of blocks: `columns` are then the bytes of one. */
type Rows = Float32Array | Uint8Array

/**
 * (heads · 2 · E/2, columns) -> (heads · E/2 · 2, columns): row i of a head's first half comes to
 * its row 2i, row i of its second half to 2i + 1.
 */
export function permuteRows<T extends Rows>(values: T, heads: number, columns: number): T {
  return moveRows(values, heads, columns, (row, place) => [row, place])
}

/** The inverse of `permuteRows`: rows 2i and 2i + 1 of a head go to its first and second half. */
export function unpermuteRows<T extends Rows>(values: T, heads: number, columns: number): T {
  return moveRows(values, heads, columns, (row, place) => [place, row])
}

/** @param way a row of the hub's order and its place in a GGUF, as from where to where */
function moveRows<T extends Rows>(
  values: T,
  heads: number,
  columns: number,
  way: (row: number, place: number) => [from: number, to: number],
): T {
  const headRows = values.length / columns / heads
  const half = headRows / 2
  // A slice of a Buffer would be the same bytes.
  const Copy = values instanceof Uint8Array ? Uint8Array : Float32Array
  const moved = new Copy(values.length) as T
  for (let row = 0; row < heads * headRows; row++) {
    const inHead = row % headRows
    const place = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1)
    const [from, to] = way(row, place)
    moved.set(values.subarray(from * columns, (from + 1) * columns), to * columns)
  }
  return moved
}
