/** The module's exports; what each does is written in kernels/ops.ts, under the same name. */
export { adamW } from './adamw'
export {
  accumulateWeighted, dequantise, largestMagnitude, quantise, roundSum, widenBfloat16, widenFloat16,
} from './compress'
export { addColumnProducts, scaleColumns } from './columns'
export { frozenFloat32, gemm } from './gemm'
export { frozenBlocks } from './gemm-blocks'
export { frozenInt16 } from './gemm-int16'
export { exp, log } from './math'
export { addNoise, dropout } from './noise'
export { rmsNormBackward, rmsNormForward, rope } from './norm'
export { causalSoftmax, causalSoftmaxBackward, crossEntropy } from './softmax'
export { swigluBackward, swigluForward } from './swiglu'
export { trimmedMean } from './trimmed'
export { gatherFrozen, storeWeight } from './weights'
export { add, allFinite, copy, fill, gatherRows, scale, subtract, sumSquares } from './vectors'
