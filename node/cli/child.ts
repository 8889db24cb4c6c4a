/** Barnraise started as a process of its own, heard through the JSON lines on its stdout. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { heard } from '../heard.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
/** Lines of stderr kept to explain a failure. */
const STDERR_LINES_MAX = 20

export interface Child<Message> {
  readonly pid: number
  /** Resolves when all that it wrote is heard: with the exit code, null when a signal ended it. */
  readonly exited: Promise<number | null>
  onMessage(listener: (message: Message) => void): void
  /** The last lines it wrote to stderr. */
  complaints(): string
  kill(signal: NodeJS.Signals): void
}

/** Starts `barnraise ARGS --json` on the Node and loader that this process runs on. */
export function startChild<Message>(args: readonly string[]): Child<Message> {
  const child: ChildProcess = spawn(
    process.execPath,
    [...process.execArgv, MAIN, ...args, '--json'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const stderr: string[] = []
  let listener: (message: Message) => void = () => {}
  createInterface({ input: child.stderr! }).on('line', (line) => {
    stderr.push(line)
    if (stderr.length > STDERR_LINES_MAX) stderr.shift()
  })
  createInterface({ input: child.stdout! }).on('line', (line) => {
    listener(JSON.parse(line) as Message)
  })
  return {
    pid: child.pid!,
    exited: heard(
      new Promise((resolve, reject) => {
        child.on('error', reject)
        child.on('close', resolve)
      }),
    ),
    onMessage: (added) => {
      listener = added
    },
    complaints: () => stderr.join('\n'),
    kill: (signal) => {
      child.kill(signal)
    },
  }
}
