/**
 * `npm run bench:llama`: what training on a large quantised base takes, and how its products
 * compare with OpenBLAS. It makes random models of real shapes on the disk, in pieces, trains steps
 * on each in a process of its own, and removes them. The 8B shape takes 5 GB of disk and minutes a
 * step; `--layers` and `--tokens` make it less.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { RunConfig } from '../../protocol/index.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { blockFigures, measureBlocks } from './block-figures.ts'
import { median } from './contest.ts'
import { inTab, type TabFigures } from './llama-tab.ts'
import { writeRandomLlama } from './random-gguf.ts'
import { LLAMA_8B } from './shapes.ts'

type ModelShape = RunConfig['base']['shape']

export interface LlamaTask {
  path: string
  model: ModelShape
  rank: number
  /** Tokens of the one sequence in a step. */
  tokens: number
  threads: number
  memoryBytesMax: number
  /** null: as many as do not fit. */
  streamedLayers: number | null
  steps: number
}

interface LlamaStep {
  peakBytes: number
  seconds: number[]
  loadSeconds: number
  streamedLayers: number
  recomputedLayers: number
}

const RANK = 16

const program = new Command('bench:llama')
  .description('Measures memory and time of training on an 8B base in blocks of Q4_K.')
  .option('--layers <count>', 'layers of the model whose memory is measured; 0: none', '32')
  .option('--tokens <count>', 'tokens a step', '512')
  .option('--threads <count>', 'threads', '2')
  .option('--memory <megabytes>', 'what the kernels may take', '2200')
  .option('--pair <layers>', 'layers of the model that is tried both ways; 0: none', '4')
  .option('--rounds <count>', 'of trying it both ways', '3')
  .option('--no-tab', 'leave out the tab that trains on a 1.1B base')
  .option('--products <rounds>', 'of products in Q4_K against OpenBLAS; 0: none', '5')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
With --json, q4k has the medians of \`npm run bench:blocks\`: how many times as fast a product is as
OpenBLAS in float32. OpenBLAS (by numpy) is asked through the Python in BENCH_PYTHON, or python3;
without it they are null. A look at them alone: --layers 0 --pair 0.`,
  )
  .parse()
const options = program.opts<Record<string, string> & { tab: boolean; json?: true }>()
const [layers, tokens, threads] = ['layers', 'tokens', 'threads'].map((key) =>
  Number(options[key]),
) as [number, number, number]

const home = await mkdtemp(join(tmpdir(), 'barnraise-llama-'))
try {
  const eight = layers > 0 ? await whole() : null
  const streamedOverResident = Number(options.pair) > 0 ? await bothWays() : null
  report({
    eight: { ...eight, streamedOverResident },
    one: await tab(),
    q4k: await products(),
  })
} finally {
  await rm(home, { recursive: true })
}

/** null without a Chromium. */
async function tab(): Promise<TabFigures | null> {
  return options.tab && hasChromium() ? await inTab(home, RANK) : null
}

function hasChromium(): boolean {
  try {
    return chromiumPath() !== ''
  } catch {
    return false
  }
}

/** One step of the whole model. */
async function whole() {
  const { path, model, bytes } = await made(layers)
  const { seconds, ...step } = measured({ path, model, streamedLayers: null, steps: 1 })
  await rm(path)
  return { fileBytes: bytes, ...step, secondsPerStep: seconds[0]! }
}

/** Seconds of a step with all layers streamed, over those with all layers there, in turn. */
async function bothWays(): Promise<number> {
  const { path, model } = await made(Number(options.pair))
  const seconds = (streamedLayers: number) =>
    measured({ path, model, streamedLayers, steps: 2, memoryBytesMax: 4e9 }).seconds[1]!
  const ratios: number[] = []
  for (let round = 0; round < Number(options.rounds); round++) {
    ratios.push(seconds(model.layerCount) / seconds(0))
  }
  await rm(path)
  return median(ratios)
}

/** How products with a matrix in Q4_K compare; null where they do not. */
async function products() {
  const rounds = Number(options.products)
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const interpreter = process.env.BENCH_PYTHON ?? 'python3'
  const skipped = (name: string, reason: string) => say(`${name} is skipped: ${reason}`)
  return blockFigures(rounds > 0 ? await measureBlocks({ rounds, interpreter, say, skipped }) : [])
}

async function made(layerCount: number) {
  const path = join(home, `${layerCount}.gguf`)
  const model = { ...LLAMA_8B, layerCount }
  return { path, model, bytes: await writeRandomLlama(path, model) }
}

type Given = Pick<LlamaTask, 'path' | 'model' | 'streamedLayers' | 'steps'>

function measured(given: Given & { memoryBytesMax?: number }): LlamaStep {
  const memoryBytesMax = 1e6 * Number(options.memory)
  const task: LlamaTask = { rank: RANK, tokens, threads, memoryBytesMax, ...given }
  const program = join(import.meta.dirname, 'llama-step.ts')
  const args = ['--import', 'tsx', '--max-semi-space-size=64', program, JSON.stringify(task)]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

function report(figures: Record<'eight' | 'one' | 'q4k', object | null>): void {
  if (options.json) return console.log(JSON.stringify(figures))
  for (const [part, own] of Object.entries(figures)) {
    for (const [name, value] of Object.entries(own ?? {})) console.log(`${part} ${name}: ${value}`)
  }
}
