/**
 * The numbers' instruction set. Two implementations: `ops-reference.ts` (slow, obvious, the oracle)
 * and `ops-wasm.ts` (strict SIMD). Both work on the same linear memory, so either can be swapped
 * in.
 *
 * A `Pointer` is a byte offset into `memory.buffer`; arrays are row-major float32 unless a
 * docstring says otherwise. Pointers are multiples of the size of the numbers they point to; the
 * arena's 64 bytes are the fastest. Outputs come first. No op allocates in the memory, none writes
 * outside its outputs, none reads a clock. Sizes and pointers that cannot be throw ShapeError.
 * Letters are those of `shape.ts`.
 *
 * The bits are part of the definition: each C[i][j] of a product is one left fold over k,
 * acc = round(acc + round(a·b)), starting from 0 or from C; a row sum is sixteen partial sums in
 * float32, term i into partial i mod 16, folded as the reference says; transcendental functions are
 * the polynomials in the reference. NaN payloads are unspecified: check finiteness, never hash a
 * NaN.
 */
export type Pointer = number

/**
 * `nt`: A (M,K) · Bᵀ with B (N,K).  `nn`: A (M,K) · B (K,N).  `tn`: Aᵀ · B with A (K,M), B (K,N).
 */
export type GemmForm = 'nt' | 'nn' | 'tn'

/**
 * C (M,N) = or += product; ld* are row strides in elements, so that a head or a column block needs
 * no copy.
 */
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

/**
 * How the numbers of a frozen weight are stored. `int8`: a code for each, in two's complement, and
 * one float32 scale a row; a number is round(code · scale). The blocks are llama.cpp's and have
 * their scales among their codes: see blocks.ts.
 */
export type StorageKind = 'float32' | 'float16' | 'bfloat16' | 'int8' | BlockKind

/** Kinds whose rows are blocks of codes with their scales, as a GGUF file has them. */
export type BlockKind = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q4_K' | 'Q5_K' | 'Q6_K'

/**
 * W (O,I), row-major, each row from a whole byte on: one copy serves both directions. Sizes in
 * bytes are in `frozen.ts`.
 */
export interface FrozenWeight {
  kind: StorageKind
  values: Pointer
  /** int8: float32 (O). Otherwise not looked at. */
  scales: Pointer
  /** O */
  outputs: number
  /** I */
  inputs: number
}

/**
 * How a frozen product is summed; the bits differ between the two.
 *
 * `float32`: weights become float32, and each element is one left fold over k, as in `gemm`.
 *
 * `int16`, of int8 weights: each row's next 512 numbers along the summed axis (the last block may
 * be shorter) become int16 codes of one scale, and their products with the weights' codes are
 * summed exactly in int32. m being the largest magnitude of the block: below 2^-100, scale and
 * codes are 0; if it is not finite, the scale is NaN and the codes are 0; else scale = round(m /
 * 32767) and code = round-half-even(round(x · round(32767 / m))). Each block then continues the
 * element's fold: acc = round(acc + round(round(round(sum) · weight's scale) · block's scale)). In
 * the backward, where the weights' scales lie along the summed axis, dy is multiplied by them
 * first, and no factor stands in their place.
 *
 * `int16`, of weights in blocks: a number is factor · code - least. The factor is the float16 of
 * the block; the code is that of the number, less the `middle` that INTEGERS in blocks.ts has for
 * the kind, and in blocks of 256 times the code of its part's scale; least = round(least value -
 * round(scale · middle)), one for 32 numbers. Each row's next 256 numbers along the summed axis are
 * quantised as above, with `codeMax` for 32767. Forwards, each `exact` of them then continue the
 * fold: acc = round(acc + round(round(round(sum) · factor) · scale)); after them, each 32: acc =
 * round(acc - round(round(round(Σ of their codes) · scale) · least)). Backwards, which blocks of
 * 256 alone have, dy is multiplied by the factors first; of each 256 rows of W acc = round(acc -
 * a left fold of dy · least from 0) comes first, then each `exact`: acc = round(acc + round(
 * round(sum) · scale)).
 */
export type ProductPath = 'float32' | 'int16'

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

/**
 * y (n): the mean of each column of x (K,n), each row of which is multiplied by its clip first and
 * rounded, without `trim` of the weight at either end. In the order of values, and of rows where
 * they are equal, a value counts with what of its weight lies between trim and Σ weights - trim;
 * the mean is Σ part · counted weight · value / Σ counted weight in float64, rounded once.
 */
export interface TrimmedMean {
  y: Pointer
  x: Pointer
  /** float64 (K) each. */
  clips: Pointer
  weights: Pointer
  /** 1 for a row that is summed, 0 for one that only has a weight. */
  parts: Pointer
  K: number
  n: number
  /** Less than half of Σ weights. */
  trim: number
  /** Scratch of `trimmedWorkBytes(K)`. */
  work: Pointer
}

/** Two columns of sorted rows, and how often each value of four bytes comes. */
export function trimmedWorkBytes(K: number): number {
  return 2 * 8 * K + 4 * 4 * 256
}

/**
 * Part of an x from `row` and `column` on, which is a multiple of 8. Element i of row t has half i
 * mod 8 of the words that Philox makes of the key (seed, 1) and the counter (floor(i / 8), t,
 * stream, batch), the low half of a word first. Where that is below the threshold, y is 0;
 * elsewhere it is round(x · round(65536 / (65536 - threshold))). y may be x.
 */
export interface Dropout {
  y: Pointer
  x: Pointer
  T: number
  I: number
  /** Numbers from one row to the next. */
  ldy: number
  ldx: number
  row: number
  column: number
  /** 65536 · the share that is dropped. */
  threshold: number
  seed: number
  stream: number
  batch: number
}

/**
 * Rows of an y (T,D) from `row` on: y += round(u · magnitude), where u is one of the 2^24 odd
 * multiples of 2^-24 in (-1, 1), by the upper 24 bits of word d mod 4 of the key (seed, 2) and the
 * counter (floor(d / 4), t, 0, batch).
 */
export interface AddNoise {
  y: Pointer
  T: number
  D: number
  row: number
  magnitude: number
  seed: number
  batch: number
}

export interface Ops {
  readonly name: string
  readonly memory: WebAssembly.Memory

  gemm(gemm: Gemm): void

  /** y (T,O) = or += x (T,I)·Wᵀ; rows of y are ldy numbers apart, O if not said. */
  frozenForward(
    y: Pointer,
    x: Pointer,
    weight: FrozenWeight,
    T: number,
    path: ProductPath,
    accumulate: boolean,
    ldy?: number,
  ): void
  /** dx (T,I) = or += dy (T,O)·W; rows of dy are lddy numbers apart, O if not said. */
  frozenBackward(
    dx: Pointer,
    dy: Pointer,
    weight: FrozenWeight,
    T: number,
    path: ProductPath,
    accumulate: boolean,
    lddy?: number,
  ): void
  /**
   * Stores w (O,I) float32, finite, as the weight's kind says. float16 and bfloat16 round half to
   * even. int8: scale = round(max|row| / 127), code = clamp(round-half-even(round(w / scale))), 0
   * where the scale is. Blocks are not made here: they are put where the weight lies, as their file
   * has them.
   */
  storeWeight(weight: FrozenWeight, w: Pointer): void
  /** y (T,I) = rows of the weight at ids (T) int32, as float32. */
  gatherFrozen(y: Pointer, weight: FrozenWeight, ids: Pointer, T: number): void

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

  /**
   * Fills cos and sin (S, E/2), angle = position · theta^(-2i/E) / divisors[i]; null: no divisors.
   */
  ropeTable(
    cos: Pointer,
    sin: Pointer,
    S: number,
    E: number,
    theta: number,
    divisors: readonly number[] | null,
  ): void
  /**
   * Rotates pairs (i, i + E/2) of each head of x (T, heads·E) in place; row t is at position t mod
   * S, and rows are ld numbers apart. direction -1 is the backward.
   */
  rope(
    x: Pointer,
    ld: number,
    cos: Pointer,
    sin: Pointer,
    T: number,
    S: number,
    heads: number,
    E: number,
    direction: 1 | -1,
  ): void

  /**
   * P (rows,ld) holds scores of queries first..first+rows-1 against keys 0..; in place
   * softmax(scale · row) over the first (first+row+1) columns, zero up to `columns`. scale > 0.
   */
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

  /** y (T,F) = silu(gate) · up; rows of gate and up are ld numbers apart. */
  swigluForward(y: Pointer, gate: Pointer, up: Pointer, T: number, F: number, ld: number): void
  /** dgate, dup (T,F), rows apart like those of gate and up, from dy (T,F); no two may overlap. */
  swigluBackward(
    dgate: Pointer,
    dup: Pointer,
    dy: Pointer,
    gate: Pointer,
    up: Pointer,
    T: number,
    F: number,
    ld: number,
  ): void

  /**
   * Rows of logits (T,V) with targets (T) int32, -1 = not counted: returns the summed loss
   * (float64, natural log); logits become (softmax - onehot) · gradientScale, zero rows where not
   * counted. gradientScale 0 skips the gradient and leaves the logits as they are.
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

  dropout(of: Dropout): void
  addNoise(of: AddNoise): void

  fill(y: Pointer, value: number, n: number): void
  copy(y: Pointer, x: Pointer, n: number): void
  /** y += x */
  add(y: Pointer, x: Pointer, n: number): void
  /** y = y · factor (float32) */
  scale(y: Pointer, factor: number, n: number): void
  /** y (T,O) = x · c (O), column by column; rows of y and x are ld numbers apart. y may be x. */
  scaleColumns(y: Pointer, x: Pointer, c: Pointer, T: number, O: number, ld: number): void
  /**
   * sums (O) += what the columns of x (T,O) ∘ (y · c) come to, one left fold over T; rows of x and
   * y are ld numbers apart.
   */
  addColumnProducts(
    sums: Pointer,
    x: Pointer,
    y: Pointer,
    c: Pointer,
    T: number,
    O: number,
    ld: number,
  ): void
  /** y = a - b */
  subtract(y: Pointer, a: Pointer, b: Pointer, n: number): void
  /** Sum of squares in float64: four lanes, i mod 4, added ((0+1)+(2+3)). */
  sumSquares(x: Pointer, n: number): number
  /** max |x| of finite x (n); 0 of none. */
  largestMagnitude(x: Pointer, n: number): number
  /** Whether every element is finite. */
  allFinite(x: Pointer, n: number): boolean

  adamW(step: AdamW): void

  /** sum (n) float64 += weight · x (n) float32. */
  accumulateWeighted(sum: Pointer, x: Pointer, weight: number, n: number): void
  /** y (n) float32 = round(sum (n) float64 · factor). */
  roundSum(y: Pointer, sum: Pointer, factor: number, n: number): void

  trimmedMean(of: TrimmedMean): void

  /** float16 or bfloat16 bits (n) -> float32. */
  widenFloat16(y: Pointer, x: Pointer, n: number): void
  widenBfloat16(y: Pointer, x: Pointer, n: number): void

  /**
   * Blocks of 64 (the last may be short): scale = max|x| / levels rounded up to float16,
   * code = clamp(round-half-even(x / scale)). levels 7: a nibble each, low nibble first, the last
   * byte filled up with 0; levels 127: a byte each; both two's complement. codes (ceil(n/2) or n
   * bytes), scales (ceil(n/64)) float16 bits. x must be finite.
   */
  quantise(codes: Pointer, scales: Pointer, x: Pointer, n: number, levels: 7 | 127): void
  /** y (n) = code · scale; codes that quantise never writes, -8 and -128, mean what they say. */
  dequantise(y: Pointer, codes: Pointer, scales: Pointer, n: number, levels: 7 | 127): void

  /** Element-wise, the room's own polynomials. 0 below -87, e^88 above 88. */
  exp(y: Pointer, x: Pointer, n: number): void
  log(y: Pointer, x: Pointer, n: number): void
}
