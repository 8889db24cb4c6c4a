/**
 * The numbers' instruction set. Two implementations: `ops-reference.ts` (slow, obvious, the oracle) and
 * `ops-wasm.ts` (strict SIMD). Both work on the same linear memory, so either can be swapped in.
 *
 * A `Pointer` is a byte offset into `memory.buffer`; arrays are row-major float32 unless a docstring says
 * otherwise. Pointers are multiples of 16. Outputs come first. No op allocates, none may write outside its
 * outputs, none reads a clock. Letters are those of `shape.ts`.
 *
 * The bits are part of the definition: each C[i][j] of a product is one left fold over k,
 * acc = round(acc + round(a·b)), starting from 0 or from C; a row sum of n numbers uses four float32 lanes per
 * accumulator and the accumulator count named in the reference; transcendental functions are the
 * polynomials in the reference. NaN payloads are unspecified: check finiteness, never hash a NaN.
 */
export type Pointer = number

/** `nt`: A (M,K) · Bᵀ with B (N,K).  `nn`: A (M,K) · B (K,N).  `tn`: Aᵀ · B with A (K,M), B (K,N). */
export type GemmForm = 'nt' | 'nn' | 'tn'

/** C (M,N) = or += product; ld* are row strides in elements, so that a head or a column block needs no copy. */
export interface Gemm {
  form: GemmForm
  M: number
  N: number
  K: number
  a: Pointer
  lda: number
  b: Pointer
  ldb: number
  c: Pointer
  ldc: number
  /** false: start from 0; true: continue the fold from C. */
  accumulate: boolean
}

/** Sizes and hyper-parameters of one AdamW step over n scalars. */
export interface AdamW {
  n: number
  /** adapter, updated in place */
  theta: Pointer
  gradient: Pointer
  /** first moment, updated in place */
  m: Pointer
  /** second moment, updated in place */
  v: Pointer
  learningRate: number
  beta1: number
  beta2: number
  epsilon: number
  weightDecay: number
  /** the gradient is multiplied by this first (clipping) */
  gradientScale: number
  /** 1 / (1 - beta1^t) */
  mCorrection: number
  /** 1 / (1 - beta2^t); 1 when v starts warm */
  vCorrection: number
  /** |m / (sqrt v + eps)| is clamped to this */
  ratioMax: number
}

export interface Ops {
  readonly name: string
  readonly memory: WebAssembly.Memory

  gemm(gemm: Gemm): void

  /** y (T,D) = x · rstd · w; rstd (T) = 1 / sqrt(mean x² + eps) is kept for the backward. */
  rmsNormForward(
    y: Pointer,
    rstd: Pointer,
    x: Pointer,
    w: Pointer,
    T: number,
    D: number,
    eps: number,
  ): void
  /** dx (T,D) += gradient through the norm; w is frozen. */
  rmsNormBackward(
    dx: Pointer,
    dy: Pointer,
    x: Pointer,
    w: Pointer,
    rstd: Pointer,
    T: number,
    D: number,
  ): void

  /** Fills cos and sin (S, E/2), angle = position · theta^(-2i/E). */
  ropeTable(cos: Pointer, sin: Pointer, S: number, E: number, theta: number): void
  /** Rotates pairs (i, i + E/2) of each head of x (T, heads·E) in place; row t is at position t mod S. direction -1 is the backward. */
  rope(
    x: Pointer,
    cos: Pointer,
    sin: Pointer,
    T: number,
    S: number,
    heads: number,
    E: number,
    direction: 1 | -1,
  ): void

  /** P (rows,ld) holds scores of queries first..first+rows-1 against keys 0..; in place softmax(scale · row) over the first (first+row+1) columns, zero up to `columns`. */
  causalSoftmax(
    p: Pointer,
    rows: number,
    columns: number,
    ld: number,
    first: number,
    scale: number,
  ): void
  /** dS = P ∘ (dP - rowsum(dP ∘ P)) · scale, in place on dp; zero where P is masked. */
  causalSoftmaxBackward(
    dp: Pointer,
    p: Pointer,
    rows: number,
    columns: number,
    ld: number,
    first: number,
    scale: number,
  ): void

  /** y (n) = silu(gate) · up. */
  swigluForward(y: Pointer, gate: Pointer, up: Pointer, n: number): void
  /** dgate, dup (n) from dy; may not alias. */
  swigluBackward(
    dgate: Pointer,
    dup: Pointer,
    dy: Pointer,
    gate: Pointer,
    up: Pointer,
    n: number,
  ): void

  /**
   * Rows of logits (T,V) with targets (T) int32, -1 = not counted: returns the summed loss (float64, natural log);
   * logits become (softmax - onehot) · gradientScale, zero rows where not counted. gradientScale 0 skips the gradient.
   */
  crossEntropy(
    logits: Pointer,
    targets: Pointer,
    T: number,
    V: number,
    gradientScale: number,
  ): number

  /** y (T,D) = table (V,D) rows at ids (T) int32. */
  gatherRows(y: Pointer, table: Pointer, ids: Pointer, T: number, D: number): void

  fill(y: Pointer, value: number, n: number): void
  copy(y: Pointer, x: Pointer, n: number): void
  /** y += x */
  add(y: Pointer, x: Pointer, n: number): void
  /** y = y · factor (float32) */
  scale(y: Pointer, factor: number, n: number): void
  /** y = a - b */
  subtract(y: Pointer, a: Pointer, b: Pointer, n: number): void
  /** Sum of squares in float64: four lanes, i mod 4, added ((0+1)+(2+3)). */
  sumSquares(x: Pointer, n: number): number
  /** 1 when every element is finite. */
  allFinite(x: Pointer, n: number): boolean

  adamW(step: AdamW): void

  /** sum (n) float64 += weight · x (n) float32. */
  accumulateWeighted(sum: Pointer, x: Pointer, weight: number, n: number): void
  /** y (n) float32 = round(sum (n) float64 · factor). */
  roundSum(y: Pointer, sum: Pointer, factor: number, n: number): void

  /** float16 or bfloat16 bits (n) -> float32. */
  widenFloat16(y: Pointer, x: Pointer, n: number): void
  widenBfloat16(y: Pointer, x: Pointer, n: number): void

  /**
   * Blocks of 64 (the last may be short): scale = max|x| / levels rounded up to float16, code = clamp(round-half-even(x / scale)).
   * levels 7 (two codes a byte, low nibble first) or 127 (a byte each). Returns nothing; sizes are fixed by n.
   * codes (n/2 rounded up, or n bytes), scales (ceil(n/64)) float16 bits.
   */
  quantise(codes: Pointer, scales: Pointer, x: Pointer, n: number, levels: 7 | 127): void
  /** y (n) = code · scale. */
  dequantise(y: Pointer, codes: Pointer, scales: Pointer, n: number, levels: 7 | 127): void

  /** Element-wise, for tests and tables: the room's own polynomials. */
  exp(y: Pointer, x: Pointer, n: number): void
  log(y: Pointer, x: Pointer, n: number): void
}
