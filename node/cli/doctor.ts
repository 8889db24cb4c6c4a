/**
 * `barnraise doctor`: can this machine take part? Each line is a check with what to do when it
 * fails.
 */

import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { missingFeature } from '../../kernels/index.ts'
import type { Compute } from '../compute/compute.ts'
import { startCompute } from '../compute/start-compute.ts'
import { EXIT } from '../exit-code.ts'
import { byteSize } from '../history/figures.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../model/base-model.ts'
import { reachAsSeenBy } from './doctor-reach.ts'
import { CommandFailure } from './failure.ts'
import { printJson, printTable } from './output.ts'
import type { Reach } from './reach.ts'

interface Check {
  name: string
  /** Null: it cannot be told, which is no fault of this machine. */
  ok: boolean | null
  found: string
  /** What to do when it is not ok. */
  advice: string
}

const MEMORY_BYTES_MIN = 512e6
const DISK_BYTES_MIN = 1e9

export interface DoctorOptions {
  /** Who is asked whether it reaches this machine; nobody otherwise. */
  ask?: string
  port: number
  json?: boolean
}

export async function doctor(options: DoctorOptions): Promise<void> {
  const checks = [
    node(),
    await kernelsCheck(),
    await embeddedModel(),
    memory(),
    await disk(),
    cores(),
    ...(options.ask === undefined ? [] : [await reach(options.ask, options.port)]),
  ]
  const ok = isSound(checks)
  if (options.json) printJson({ ok, checks })
  else printTable(checks.map(rowOf))
  if (!ok) throw new CommandFailure(EXIT.failure, 'not all is as it has to be, see above')
}

export const isSound = (checks: readonly Check[]): boolean => checks.every(({ ok }) => ok !== false)

export function rowOf({ name, ok, found, advice }: Check): [string, string] {
  const mark = ok === null ? '?   ' : ok ? 'ok  ' : 'FAIL'
  return [`${mark}  ${name}`, ok === true ? found : `${found}: ${advice}`]
}

function node(): Check {
  // main.ts refuses a Node that is too old before this runs.
  return { name: 'node', ok: true, found: process.versions.node, advice: '' }
}

/** Asks a compute thread for the least of its tasks: it starts by asking for known answers. */
export async function kernelsCheck(
  missing = missingFeature(),
  start: () => Compute = startCompute,
): Promise<Check> {
  const name = 'kernels'
  if (missing !== null) {
    const advice = 'this processor, or this build of Node, cannot run them: use another machine'
    return { name, ok: false, found: `${missing} is missing`, advice }
  }
  const file = fileURLToPath(new URL('../../kernels/build/kernels.wasm', import.meta.url))
  const advice = 'build them with `npm run prepare`'
  if (!existsSync(file)) return { name, ok: false, found: 'not built', advice }
  const compute = start()
  try {
    const update = new Uint8Array(4)
    const config = { aggregation: { downlink: 'float32' } } as never
    await compute.run('apply-update', { config, adapter: new Float32Array(1), update })
    return {
      name,
      ok: true,
      found: 'WebAssembly SIMD and threads work, with the bits of all others',
      advice,
    }
  } catch (error) {
    const { message } = error as Error
    return { name, ok: false, found: message, advice: 'report this, unless it says what to do' }
  } finally {
    await compute.close()
  }
}

async function embeddedModel(): Promise<Check> {
  const name = 'embedded model'
  const advice = 'install Barnraise again'
  try {
    const base = await openBaseModel(EMBEDDED_MODEL)
    base.close()
    return { name, ok: true, found: byteSize(base.file.bytes), advice }
  } catch (error) {
    return { name, ok: false, found: (error as Error).message, advice }
  }
}

function memory(): Check {
  const found = `${byteSize(freemem())} free`
  const advice = `${byteSize(MEMORY_BYTES_MIN)} are needed: close other programs`
  return { name: 'memory', ok: freemem() >= MEMORY_BYTES_MIN, found, advice }
}

async function disk(): Promise<Check> {
  const { bavail, bsize } = await statfs(tmpdir())
  const free = bavail * bsize
  const advice = `${byteSize(DISK_BYTES_MIN)} are needed: make room`
  return { name: 'disk', ok: free >= DISK_BYTES_MIN, found: `${byteSize(free)} free`, advice }
}

function cores(): Check {
  const found = `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown'})`
  return { name: 'cores', ok: true, found, advice: '' }
}

async function reach(whom: string, port: number): Promise<Check> {
  return reachCheck(await reachAsSeenBy(whom, port))
}

export function reachCheck({ reached, found, advice }: Reach): Check {
  return { name: 'reach', ok: reached, found, advice }
}
