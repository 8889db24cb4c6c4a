/**
 * Contestants are long-lived processes, each with its own engine warm, that work one task at a time
 * when they are asked. They are asked in turn, A B C, A B C, so that a busy neighbour slows all of
 * them alike, and what is compared is the ratio within a round. A request is a line of JSON on the
 * standard input, its answer a line on the standard output.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface GemmTask {
  task: 'gemm'
  /** nt: x·Wᵀ with W (N,K). nn: g·W with W (K,N). */
  form: 'nt' | 'nn'
  M: number
  N: number
  K: number
}

export interface StepTask {
  task: 'step'
  layers: number
  sequences: number
  sequenceLength: number
  adapterRank: number
  /** What the job is fitted into; not said: everything is kept. */
  memoryBytesMax?: number
}

/** The first products of a process, one by one. */
export interface StartTask {
  task: 'start'
}

export type Task = GemmTask | StepTask | StartTask

/** Seconds of one repetition of the task. */
export interface Answer {
  cpu: number
  wall: number
  /** Memory of the process at most, so far. */
  peakBytes: number
  /** Seconds of a step in operations other than products, where that is known. */
  otherThanProducts?: number
  /** Seconds of a step's longest operation, which is what a pause waits for. */
  longestOperation?: number
  /** Seconds of each product of a start, from the first. */
  products?: number[]
}

export interface Contestant {
  name: string
  ask(task: Task): Promise<Answer>
  stop(): Promise<void>
}

/** @returns a reason instead, where it can't start: its first line is not `ready` */
export async function startContestant(
  name: string,
  command: string,
  args: readonly string[],
): Promise<Contestant | string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk) => {
    complaint += chunk
  })
  child.on('error', (error) => {
    complaint += error.message
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => {
    const { value, done } = await lines.next()
    return done ? null : value
  }
  const ended = once(child, 'close')
  if ((await nextLine()) !== 'ready') {
    child.kill()
    return complaint.trim().split('\n').at(-1) || 'it does not start'
  }
  return {
    name,
    ask: async (task) => {
      child.stdin.write(`${JSON.stringify(task)}\n`)
      const line = await nextLine()
      if (line === null) throw new Error(`${name} died of ${JSON.stringify(task)}: ${complaint}`)
      return JSON.parse(line) as Answer
    },
    stop: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** A task made ready: one repetition, and what else there is to say of the last. */
export interface Work {
  run(): Promise<void> | void
  answer?(): Partial<Answer>
}

/** The contestant's side, in JavaScript: `prepare` a task once, then run it as often as asked. */
export async function serveTasks(prepare: (task: Task) => Promise<Work>): Promise<void> {
  let prepared: { line: string; work: Work } = { line: '', work: { run: () => {} } }
  console.log('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    const task = JSON.parse(line) as Task
    const isProduct = task.task === 'gemm'
    if (prepared.line !== line) {
      prepared = { line, work: await prepare(task) }
      await timed(prepared.work.run, isProduct ? WARM_UP_MS : 0)
    }
    const times = await timed(prepared.work.run, isProduct ? GEMM_MS : 0)
    const peakBytes = 1024 * process.resourceUsage().maxRSS
    console.log(JSON.stringify({ ...times, peakBytes, ...prepared.work.answer?.() }))
  }
  // Threads that still wait for work would keep the process.
  process.exit()
}

/** What a product is repeated for, in each round. */
const GEMM_MS = 40
/** Engines compile again what they see often. */
const WARM_UP_MS = 150

/** Seconds of one repetition, of as many as take `milliseconds`. */
async function timed(run: Work['run'], milliseconds: number) {
  const [cpuBefore, before] = [process.cpuUsage(), performance.now()]
  let count = 0
  do {
    await run()
    count++
  } while (performance.now() - before < milliseconds)
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / 1e6 / count, wall: (performance.now() - before) / 1e3 / count }
}
