/** A process at the lowest priority, and a worker that starts later: prints what threads have. */
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { Worker } from 'node:worker_threads'
import { lowerPriority, NICE_MAX } from '../../node/guest/priority.ts'

/** Field 19 of proc_pid_stat(5), counted from behind the name, which may have spaces. */
function niceOf(thread: string): number {
  const text = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16])
}

lowerPriority(NICE_MAX)
const source = 'process.getBuiltinModule("worker_threads").parentPort.postMessage(0)'
const worker = new Worker(`${source}; setInterval(() => {}, 1000)`, { eval: true })
await new Promise((resolve) => worker.once('message', resolve))
const isLinux = process.platform === 'linux'
const priorities = isLinux ? readdirSync('/proc/self/task').map(niceOf) : [getPriority()]
process.stdout.write(JSON.stringify([...new Set(priorities)]))
process.exit()
