import { DEFAULT_RUN } from '../../simulations/run-settings.ts'

/** SmolLM2-135M's shape: what plans, golden jobs and the bench take for a model of real size. */
export const MODEL_135M = { ...DEFAULT_RUN.base.shape, ropeTheta: 100_000 }
