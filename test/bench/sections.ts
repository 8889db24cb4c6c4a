/** The parts of the benchmark: products, whole steps, threads, how costs grow, and the start. */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { JOB_BYTES_MAX } from '../../kernels/arena.ts'
import { fitMemory, planMemory } from '../../kernels/plan.ts'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'
import {
  compete,
  competeEach,
  type Entry,
  median,
  medianOf,
  ours,
  pairedRatios,
  python,
  quartiles,
  type Results,
  script,
  timesAsFast,
  withContestants,
} from './contest.ts'
import type { Contestant, GemmTask, StepTask } from './contestant.ts'
import { jobOf, productTasks } from './shapes.ts'

export interface Options {
  isQuick: boolean
  rounds: number
  /** A Python that may have numpy and torch. */
  interpreter: string
  /** One line about what is going on. */
  say(line: string): void
  skipped(name: string, reason: string): void
}

/** All figures, and the products shape by shape. */
export async function measureAll(options: Options) {
  const { isQuick } = options
  const steady = { ...options, rounds: Math.max(3, options.rounds) }
  const few = { ...options, rounds: Math.min(3, options.rounds) }
  const products = await measureProducts(steady)
  const figures = {
    machine: {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      node: process.version,
      v8: process.versions.v8,
      date: new Date().toISOString().slice(0, 10),
      isQuick,
    },
    gemm: productFigures(products),
    step: await measureSteps(options, 8),
    stepOfRank16: isQuick ? null : await measureSteps(options, 16),
    threads: await measureThreads(steady),
    memory: await measureMemory(few),
    scaling: isQuick ? null : await measureScaling(few),
    kernels: { ...measureModule(), ...(await measureStart(options)) },
  }
  return { figures, products }
}
export type Figures = Awaited<ReturnType<typeof measureAll>>['figures']

/** Ours, by the names of the figures. */
const VARIANTS = {
  f32: ['narrow', 'f32'],
  f32Wide: ['wide', 'f32'],
  int16: ['narrow', 'int16'],
  int16Wide: ['wide', 'int16'],
} as const
export type Variant = keyof typeof VARIANTS
export const VARIANT_NAMES = Object.keys(VARIANTS) as Variant[]
export const OTHERS = { Openblas: 'openblas', Torch: 'torch', Ort: 'ort', Tfjs: 'tfjs' } as const

function variants(): Entry[] {
  return VARIANT_NAMES.map((name) => ours(name, VARIANTS[name][0], VARIANTS[name][1]))
}

export interface ProductRow extends Omit<GemmTask, 'task'> {
  /** 1e9 multiplications and additions a second; null: not there. */
  rates: Record<string, number | null>
  results: Results
}

async function measureProducts(options: Options): Promise<ProductRow[]> {
  const { interpreter, isQuick, rounds, skipped, say } = options
  const entries = [
    ...variants(),
    ours('int8', 'narrow', 'int8'),
    ours('int8Wide', 'wide', 'int8'),
    script('ort', 'ort.ts'),
    script('tfjs', 'tfjs.ts'),
    python('openblas', interpreter, 'openblas', 'float32'),
    python('torch', interpreter, 'torch', 'float32'),
  ]
  return withContestants(entries, skipped, async (contestants) => {
    const rows: ProductRow[] = []
    for (const task of productTasks(isQuick)) {
      const { form, M, N, K } = task
      say(`product ${form} ${M}x${N}x${K}`)
      const results = await compete(contestants, task, rounds)
      const rate = (name: string) =>
        median(results.get(name)!.map(({ cpu }) => (2 * M * N * K) / cpu / 1e9))
      const rates = Object.fromEntries(contestants.map(({ name }) => [name, rate(name)]))
      rows.push({ form, M, N, K, rates, results })
    }
    return rows
  })
}

/** Medians over all shapes. */
function productFigures(rows: readonly ProductRow[]) {
  const ratio = (own: string, other: string) =>
    medianOf(rows.map(({ results }) => timesAsFast(results, own, other)))
  const figures = (own: Variant) => ({
    vsOpenblas: ratio(own, 'openblas'),
    vsTorch: ratio(own, 'torch'),
    vsOrt: ratio(own, 'ort'),
    vsTfjs: ratio(own, 'tfjs'),
    gflops: medianOf(rows.map(({ rates }) => rates[own] ?? null)),
  })
  return {
    f32: figures('f32'),
    f32Wide: figures('f32Wide'),
    int16: figures('int16'),
    int16Wide: figures('int16Wide'),
    dequantise: { vsF32: ratio('int8', 'f32'), wideVsF32Wide: ratio('int8Wide', 'f32Wide') },
  }
}

export interface StepFigures {
  vsTorch: number | null
  vsTorchBfloat16: number | null
  /** The first and the third quartile of the ratios of which those are the medians. */
  quartiles: { vsTorch: Quartiles | null; vsTorchBfloat16: Quartiles | null }
  tokensPerSecond: number | null
  cpuSeconds: number | null
  peakBytes: number | null
  /** Share of the CPU time in operations other than products. */
  otherThanProducts: number | null
  /** Seconds of the operation that took longest: a pause is felt before the next. */
  longestOperation: number | null
}

type Quartiles = readonly [first: number, third: number]

/** Few tokens, so that many turns fit: a neighbour that comes or goes then spoils few of them. */
const TOKENS = { sequences: 1, sequenceLength: 512 }
const QUICK_TOKENS = { sequences: 1, sequenceLength: 256 }
/** When it has to be quick, a step of all layers is reckoned from two of few: layers are alike. */
const FEW_LAYERS = [1, 5] as const

export type StepName = Variant | 'torch' | 'torchBfloat16'

/** Whole steps of the 135M model; quick: of few layers, and from their difference for all. */
async function measureSteps(
  options: Options,
  adapterRank: number,
): Promise<Record<StepName, StepFigures>> {
  const { interpreter, isQuick, rounds, skipped, say } = options
  const tokens = isQuick ? QUICK_TOKENS : TOKENS
  const entries = [
    ...variants(),
    python('torch', interpreter, 'torch', 'float32'),
    python('torchBfloat16', interpreter, 'torch', 'bfloat16'),
  ]
  const counts: readonly number[] = isQuick ? FEW_LAYERS : [MODEL_135M.layerCount]
  return withContestants(entries, skipped, async (contestants) => {
    const parts: Results[] = []
    for (const layers of counts) {
      say(`steps of ${layers} layers, adapter rank ${adapterRank}`)
      const task: StepTask = { task: 'step', layers, adapterRank, ...tokens }
      parts.push(await compete(contestants, task, rounds))
    }
    const whole = parts.length === 1 ? parts[0]! : reckoned(parts as [Results, Results])
    const figures = (name: StepName) => {
      const peakBytes = isQuick ? plannedPeak(name, adapterRank, tokens) : measuredPeak(whole, name)
      return { ...stepFigures(whole, name, tokens), peakBytes }
    }
    return {
      ...(Object.fromEntries(VARIANT_NAMES.map((name) => [name, figures(name)])) as Record<
        Variant,
        StepFigures
      >),
      torch: figures('torch'),
      torchBfloat16: figures('torchBfloat16'),
    }
  })
}

function stepFigures(
  results: Results,
  name: StepName,
  { sequences, sequenceLength }: typeof TOKENS,
): Omit<StepFigures, 'peakBytes'> {
  const answers = results.get(name)
  const cpuSeconds = answers === undefined ? null : median(answers.map(({ cpu }) => cpu))
  const others = answers?.map(({ cpu, otherThanProducts = Number.NaN }) => otherThanProducts / cpu)
  const share = others === undefined ? Number.NaN : median(others)
  return {
    vsTorch: timesAsFast(results, name, 'torch'),
    vsTorchBfloat16: timesAsFast(results, name, 'torchBfloat16'),
    quartiles: {
      vsTorch: outerQuartiles(pairedRatios(results, name, 'torch')),
      vsTorchBfloat16: outerQuartiles(pairedRatios(results, name, 'torchBfloat16')),
    },
    tokensPerSecond: cpuSeconds === null ? null : (sequences * sequenceLength) / cpuSeconds,
    cpuSeconds,
    otherThanProducts: Number.isNaN(share) ? null : share,
    longestOperation: medianOf(answers?.map((answer) => answer.longestOperation ?? null) ?? []),
  }
}

function outerQuartiles(ratios: readonly number[] | null): Quartiles | null {
  if (ratios === null) return null
  const [first, , third] = quartiles(ratios)
  return [first!, third!]
}

function measuredPeak(results: Results, name: string): number | null {
  return results.get(name)?.at(-1)?.peakBytes ?? null
}

/** What a whole model would take by the plan; null for others than ours. */
function plannedPeak(name: StepName, adapterRank: number, tokens: typeof TOKENS): number | null {
  if (name === 'torch' || name === 'torchBfloat16') return null
  const job = jobOf({ ...tokens, task: 'step', layers: MODEL_135M.layerCount, adapterRank })
  const isInt16 = VARIANTS[name][1] === 'int16'
  return planMemory(isInt16 ? job : { ...job, kernels: { base: 'float32', path: 'float32' } }).bytes
}

/** Round by round, what all layers take, from what the first and the second number of them take. */
function reckoned([first, second]: [Results, Results]): Results {
  const [few, more] = FEW_LAYERS
  const along = (a: number, b: number) =>
    a + ((b - a) * (MODEL_135M.layerCount - few)) / (more - few)
  return new Map(
    [...first].map(([name, answers]) => [
      name,
      answers.map((a, round) => {
        const b = second.get(name)![round]!
        const { otherThanProducts: x, ...rest } = a
        const [cpu, wall] = [along(a.cpu, b.cpu), along(a.wall, b.wall)]
        if (x === undefined) return { ...rest, cpu, wall }
        return { ...rest, cpu, wall, otherThanProducts: along(x, b.otherThanProducts!) }
      }),
    ]),
  )
}

/** One thread against two, by the clock on the wall. */
async function measureThreads(options: Options) {
  const { isQuick, rounds, skipped, say } = options
  say('one thread and two')
  const entries = [ours('one', 'wide', 'int16'), ours('two', 'wide', 'int16', 2)]
  const tokens = isQuick ? QUICK_TOKENS : TOKENS
  const task: StepTask = { task: 'step', layers: isQuick ? 2 : 5, adapterRank: 8, ...tokens }
  return withContestants(entries, skipped, async (contestants) => {
    const results = await compete(contestants, task, rounds)
    return {
      speedup2: timesAsFast(results, 'two', 'one', 'wall'),
      cpuEfficiency2: timesAsFast(results, 'two', 'one', 'cpu'),
    }
  })
}

/** CPU milliseconds of a step, by layers and by tokens. */
async function measureScaling({ rounds, skipped, say }: Options) {
  const entries = [ours('int16Wide', 'wide', 'int16')]
  const base = { task: 'step', layers: 2, adapterRank: 8, ...QUICK_TOKENS } as const
  return withContestants(entries, skipped, async (contestants) => {
    const layers = [1, 2, 4, 8].map((count) => ({ ...base, layers: count }))
    const tokens = [1, 2, 4, 8].map((sequences) => ({ ...base, sequences }))
    const context = [256, 512, 1024].map((sequenceLength) => ({ ...base, sequenceLength }))
    say('how the cost of a step grows')
    return {
      layers: await milliseconds(contestants, layers, rounds),
      tokens: await milliseconds(contestants, tokens, rounds),
      context: await milliseconds(contestants, context, rounds),
    }
  })
}

async function milliseconds(
  contestants: readonly Contestant[],
  tasks: readonly StepTask[],
  rounds: number,
) {
  const rows: { layers: number; tokens: number; context: number; ms: number }[] = []
  for (const task of tasks) {
    const { layers, sequences, sequenceLength: context } = task
    for (const answers of (await compete(contestants, task, rounds)).values()) {
      const ms = 1e3 * median(answers.map(({ cpu }) => cpu))
      rows.push({ layers, tokens: sequences * context, context, ms })
    }
  }
  return rows
}

/** What the job is fitted into; null: it keeps everything. */
const BUDGETS = [null, 800e6, 400e6] as const

/**
 * The 135M job with four sequences of 256, each time in a fresh process: what was said it would
 * take, what the process took, and how long a step took against the first.
 */
async function measureMemory({ isQuick, rounds, skipped, say }: Options) {
  const sizes = { adapterRank: 8, sequences: 4, sequenceLength: 256 }
  const task: StepTask = { task: 'step', layers: MODEL_135M.layerCount, ...sizes }
  const tasks = BUDGETS.map((budget) =>
    budget === null ? task : { ...task, memoryBytesMax: budget },
  )
  const planned = tasks.map(({ memoryBytesMax = JOB_BYTES_MAX }) =>
    fitMemory(jobOf(task), memoryBytesMax),
  )
  if (isQuick) return planned.map(({ bytes }) => ({ plannedBytes: bytes, ...UNKNOWN }))
  say('memory')
  const entries = tasks.map((_, i) => ours(`${i}`, 'wide', 'int16'))
  return withContestants(entries, skipped, async (contestants) => {
    const results = await competeEach(contestants, tasks, rounds)
    return planned.map(({ bytes }, i) => ({
      plannedBytes: bytes,
      peakBytes: measuredPeak(results, `${i}`),
      slowdown: timesAsFast(results, '0', `${i}`),
    }))
  })
}
const UNKNOWN = { peakBytes: null, slowdown: null }

/** Bytes of the module, and milliseconds until it can be called. */
function measureModule() {
  const bytes = readFileSync(KERNELS)
  const times = Array.from({ length: 9 }, (_, copy) => {
    // An empty custom section of another name makes another module: nothing is cached.
    const name = Buffer.from(`copy ${copy}`)
    const section = Buffer.from([0, name.length + 1, name.length, ...name])
    const module = new Uint8Array(Buffer.concat([bytes, section]))
    const before = performance.now()
    new WebAssembly.Module(module)
    return performance.now() - before
  })
  return { bytes: bytes.length, compileMs: median(times) }
}

/** The first three products of a process, each against the rate that it comes to. */
async function measureStart({ skipped, say }: Options) {
  say('the first products of a process')
  return withContestants([ours('start', 'wide', 'int16')], skipped, async ([contestant]) => {
    const { products = [] } = await contestant!.ask({ task: 'start' })
    const steady = median(products.slice(-20))
    return { firstProducts: products.slice(0, 3).map((seconds) => seconds / steady) }
  })
}
