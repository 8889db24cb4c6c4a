/** `barnraise` in namespaces of this machine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../node/main.ts', import.meta.url))

/** What they tell, and what is needed of it. */
export type Fact = {
  type: string
  link?: string
  addresses?: string[]
  reached?: boolean | null
  way?: string
}

const children: ChildProcess[] = []

/** Starts `barnraise` in a namespace; resolves with the first fact of the type, or null. */
export function start(namespace: string, args: readonly string[]) {
  const words = [
    'netns',
    'exec',
    namespace,
    process.execPath,
    ...process.execArgv,
    PROGRAM,
    ...args,
  ]
  const child = spawn('ip', [...words, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const facts = createInterface({ input: child.stdout })
  const seen = (type: string, patienceMs: number) =>
    new Promise<Fact | null>((resolve) => {
      const timer = setTimeout(resolve, patienceMs, null).unref()
      facts.on('line', (line) => {
        const fact = JSON.parse(line) as Fact
        if (fact.type !== type) return
        clearTimeout(timer)
        resolve(fact)
      })
    })
  return { seen, kill: () => void child.kill('SIGKILL') }
}

export function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}

/** Waits for who hosts or relays. */
export async function ready(namespace: string, args: readonly string[]): Promise<Fact> {
  const { seen } = start(namespace, args)
  const reach = seen('reach', 60_000)
  const fact = await seen('ready', 60_000)
  if (fact === null) throw new Error(`Not ready within a minute: ${args.join(' ')}`)
  // What a relay says of a host's port comes before the link.
  const told = await Promise.race([reach, null])
  return { ...fact, reached: told?.reached ?? null }
}
