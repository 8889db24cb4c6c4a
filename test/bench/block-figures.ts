/**
 * Products in turn: ours with a matrix that a file has in blocks, widened, on the integer path and
 * on that of int8, and OpenBLAS with one in float32.
 */
import {
  compete,
  median,
  medianOf,
  pairedRatios,
  python,
  script,
  withContestants,
} from './contest.ts'
import type { Contestant, GemmTask } from './contestant.ts'
import type { Options } from './sections.ts'

/** O, I of the matrices of an 8B layer. */
const SHAPES = [
  [1024, 4096],
  [4096, 4096],
  [14_336, 4096],
  [4096, 14_336],
] as const
const TOKENS = 512
const THREADS = [1, 2] as const

export interface BlockRow {
  form: GemmTask['form']
  T: number
  O: number
  I: number
  threads: number
  gflops: number
  /** A ratio for each round; null: OpenBLAS is not there. */
  vsOpenblas: number[] | null
  integerVsOpenblas: number[] | null
  int8VsOpenblas: number[] | null
}

export type Ratio = 'vsOpenblas' | 'integerVsOpenblas' | 'int8VsOpenblas'

export async function measureBlocks(options: Omit<Options, 'isQuick'>): Promise<BlockRow[]> {
  const rows: BlockRow[] = []
  for (const threads of THREADS) {
    const entries = [
      script('widened', 'block-product.ts', 'widened', String(threads)),
      script('integer', 'block-product.ts', 'integer', String(threads)),
      script('int8', 'block-product.ts', 'int8', String(threads)),
      python('openblas', options.interpreter, 'openblas', 'float32', threads),
    ]
    const measured = await withContestants(entries, options.skipped, (contestants) =>
      measureShapes(contestants, threads, options),
    )
    rows.push(...measured)
  }
  return rows
}

async function measureShapes(
  contestants: readonly Contestant[],
  threads: number,
  { rounds, say }: Omit<Options, 'isQuick'>,
): Promise<BlockRow[]> {
  const rows: BlockRow[] = []
  const seconds = threads === 1 ? 'cpu' : 'wall'
  for (const [O, I] of SHAPES) {
    for (const form of ['nt', 'nn'] as const) {
      say(`${form === 'nt' ? 'forward' : 'backward'} ${TOKENS},${O},${I}, ${threads} thread(s)`)
      const [N, K] = form === 'nt' ? [O, I] : [I, O]
      const results = await compete(contestants, { task: 'gemm', form, M: TOKENS, N, K }, rounds)
      const took = median(results.get('widened')!.map((answer) => answer[seconds]))
      const gflops = (2 * TOKENS * O * I) / took / 1e9
      const vs = (own: string) => pairedRatios(results, own, 'openblas', seconds)
      const ratios = {
        vsOpenblas: vs('widened'),
        integerVsOpenblas: vs('integer'),
        int8VsOpenblas: vs('int8'),
      }
      rows.push({ form, T: TOKENS, O, I, threads, gflops, ...ratios })
    }
  }
  return rows
}

/** Medians of all rounds; null: OpenBLAS is not there. */
export function blockFigures(rows: readonly BlockRow[]) {
  const all = (of: Ratio) => medianOf(rows.flatMap((row) => row[of] ?? []))
  return {
    vsOpenblas: all('vsOpenblas'),
    integerVsOpenblas: all('integerVsOpenblas'),
    int8VsOpenblas: all('int8VsOpenblas'),
  }
}
