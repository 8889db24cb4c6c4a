/**
 * Every call of an export of the compiled kernels that the ops' cases make, for an engine without
 * JavaScript to repeat:
 *
 *   node --import tsx test/engines/record-calls.ts FOLDER
 *
 *   calls.jsonl   a line for each call: op, export, arguments and what it returned as the bytes of
 *                 float64 in hex, where the bytes of memory before it lie, SHA-256 of those after
 *   memory.bin    those bytes, from ARENA_START to the last word that is not 0
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ARENA_START } from '../../kernels/arena.ts'
import { digestOf } from '../../protocol/digest.ts'

const [folder] = process.argv.slice(2)
mkdirSync(folder!, { recursive: true })
const calls = openSync(join(folder!, 'calls.jsonl'), 'w')
const images = openSync(join(folder!, 'memory.bin'), 'w')

let op = ''
let imageAt = 0

const Instance = WebAssembly.Instance

/** Takes the place of WebAssembly.Instance: its exports leave a record. */
function recordingInstance(module: WebAssembly.Module, imports: WebAssembly.Imports) {
  const { exports } = new Instance(module, imports)
  const { memory } = imports.env as { memory: WebAssembly.Memory }
  const recording = Object.entries(exports).map(([name, called]) => [
    name,
    (...args: number[]) => record(name, called as (...args: number[]) => unknown, args, memory),
  ])
  return { exports: Object.fromEntries(recording) }
}

function record(
  name: string,
  call: (...args: number[]) => unknown,
  args: number[],
  memory: WebAssembly.Memory,
): unknown {
  const used = usedBytes(memory)
  const image = () => new Uint8Array(memory.buffer).slice(ARENA_START, used)
  const before = image()
  const returned = call(...args)
  const line = {
    op,
    name,
    args: args.map(hexOf),
    returned: returned === undefined ? null : hexOf(Number(returned)),
    before: [imageAt, before.length],
    after: digestOf(image()),
  }
  writeSync(images, before)
  writeSync(calls, `${JSON.stringify(line)}\n`)
  imageAt += before.length
  return returned
}

/** Where the last word ends that is not 0. */
function usedBytes({ buffer }: WebAssembly.Memory): number {
  const words = new Int32Array(buffer)
  let used = words.length
  while (used > 0 && words[used - 1] === 0) used -= 1
  return 4 * used
}

function hexOf(value: number): string {
  return Buffer.from(Float64Array.of(value).buffer).toString('hex')
}

Object.assign(WebAssembly, { Instance: recordingInstance })
// The kernels are made when these are imported.
const { runCase, wasm } = await import('../kernels/harness.ts')
const { CASES_BY_OP } = await import('../kernels/op-digest.ts')
for (const [name, cases] of CASES_BY_OP) {
  op = name
  for (const one of cases) {
    // What an earlier case left behind this one's arrays would be recorded again and again.
    new Uint8Array(wasm.memory.buffer).fill(0, ARENA_START)
    runCase(wasm, one)
  }
}
closeSync(calls)
closeSync(images)
