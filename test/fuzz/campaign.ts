/**
 * Lets a thread read inputs, and watches it: one that does not come back from an input, or runs out
 * of memory on it, is ended, and another goes on with the next.
 */
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { inputsOf } from './inputs.ts'
import type { Target } from './target.ts'
import type { Finding, FromThread, Job, ThreadData } from './thread.ts'

/** A thread that is at the same input for so long hangs; others may want the processor, too. */
const HANG_MS = 10_000
/** The thread loads all decoders first. */
const START_MS = 120_000
const HEAP_BYTES_MAX = 512 * 2 ** 20
const LOOKS_MS = 100

export interface Campaign {
  /** Inputs that were read. */
  inputs: number
  findings: Finding[]
  /** Inputs that took too long, of decoders that the program itself ends then. */
  ended: number
}

export interface CampaignOptions {
  /** Hears how many inputs were begun. */
  tell?: (inputs: number) => void
  /** A module that exports TARGETS. */
  targets?: URL
  hangMs?: number
  heapBytesMax?: number
}

export async function runCampaign(
  jobs: readonly Job[],
  options: CampaignOptions = {},
): Promise<Campaign> {
  const { targets = new URL('./targets.ts', import.meta.url) } = options
  const { TARGETS } = (await import(targets.href)) as { TARGETS: readonly Target[] }
  const bounds = { hangMs: HANG_MS, heapBytesMax: HEAP_BYTES_MAX }
  const watched = Object.assign({ tell: () => {}, targets }, bounds, options)
  const campaign: Campaign = { inputs: 0, findings: [], ended: 0 }
  let left = jobs
  while (left.length > 0) {
    const { why, index, n } = await runThread(left, campaign, watched)
    if (why === null) return campaign
    note(campaign, why, TARGETS, left[index]!, n)
    left = leftOf(left, index, n)
  }
  return campaign
}

interface ThreadEnd {
  /** Null: it has done all jobs. */
  why: Finding['why'] | null
  /** The job and the input that it was at. */
  index: number
  n: number
}

async function runThread(
  jobs: readonly Job[],
  campaign: Campaign,
  { tell, targets, hangMs, heapBytesMax }: Required<CampaignOptions>,
): Promise<ThreadEnd> {
  const at = new Int32Array(new SharedArrayBuffer(12))
  const { promise, resolve, reject } = Promise.withResolvers<Finding['why'] | null>()
  const folder = join(tmpdir(), `barnraise-fuzz-${randomUUID()}`)
  const workerData: ThreadData = { jobs, at, targets: targets.href, folder }
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapBytesMax / 2 ** 20 },
  })
  let [seen, since] = [0, performance.now()]
  const watch = setInterval(() => {
    const now = performance.now()
    if (at[2]! !== seen) [seen, since] = [at[2]!, now]
    tell(campaign.inputs + seen)
    if (now - since > (seen === 0 ? START_MS : hangMs)) resolve('too long')
  }, LOOKS_MS)
  worker.on('message', (message: FromThread) => {
    if (message.type === 'found') campaign.findings.push(message.finding)
    else resolve(null)
  })
  worker.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') resolve('too much memory')
    else reject(error)
  })
  const why = await promise.finally(() => clearInterval(watch))
  await worker.terminate()
  rmSync(folder, { recursive: true, force: true })
  campaign.inputs += at[2]!
  tell(campaign.inputs)
  return { why, index: at[0]!, n: at[1]! }
}

function note(
  campaign: Campaign,
  why: Finding['why'],
  targets: readonly Target[],
  job: Job,
  n: number,
): void {
  const target = targets.find(({ name }) => name === job.target)!
  if (target.isEnded) {
    campaign.ended += 1
    return
  }
  const input = 'kept' in job ? job.kept : inputsOf(target)(job.seed, n)
  campaign.findings.push({ target: target.name, why, words: 'its thread was ended', input })
}

function leftOf(jobs: readonly Job[], index: number, n: number): readonly Job[] {
  const job = jobs[index]!
  const later = jobs.slice(index + 1)
  if ('kept' in job || n + 1 >= job.to) return later
  return [Object.assign({}, job, { from: n + 1 }), ...later]
}
