/**
 * The golden digests as one plain script, for engines that know neither modules nor files: the
 * kernels and the embedded base are in it. It prints them as one JSON object.
 */
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { checkMachine } from '../../kernels/known-answers.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import weights from '../../node/model/embedded/model.safetensors'
import { wasm } from '../kernels/harness.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { CASES_BY_OP, opDigest } from '../kernels/op-digest.ts'
import { jobDigest, SMALL_JOBS } from './golden-jobs.ts'

/** A shell prints, and Node has a console. */
declare const print: ((line: string) => void) | undefined

function say(line: string): void {
  if (typeof print === 'function') print(line)
  else console.log(line)
}

/** A shell may have no decoder of text; the names and sizes in a file of weights are ASCII. */
Object.assign(globalThis, {
  TextDecoder: class {
    decode(bytes: Uint8Array): string {
      return Array.from(bytes, (code) => String.fromCharCode(code)).join('')
    }
  },
})

checkMachine(kernelModule, FAIR_TILES)
const ops = CASES_BY_OP.map(([op, cases]) => [op, opDigest(wasm, cases)])
const jobs = SMALL_JOBS.map((job) => {
  const memory = newSharedMemory(64)
  const machine = { ops: createWasmOps(kernelModule, memory), arena: createArena(memory) }
  return [job.name, jobDigest(job, { ...machine, weights, threads: 1, help: () => () => {} })]
})
say(JSON.stringify(Object.fromEntries([...ops, ...jobs])))
