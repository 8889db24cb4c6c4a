/**
 * Compiles `assembly/` to `build/kernels.wasm`: strict SIMD, one imported memory that threads can
 * share, no garbage collector, no other import. Run by `npm run prepare`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'
import { PAGES_MAX, WORKSPACE_START } from './arena.ts'
import { tilesSource } from './tile-template.ts'

const ROOM = import.meta.dirname
/** Address 0 stays unused, so that a forgotten pointer overwrites no constant. */
const CONSTANTS_START = 64

const ENTRY = 'assembly/index.ts'
/** Exists only while compiling. */
const TILES_FILE = 'assembly/tiles.ts'
const OPTIONS = [
  '--outFile=kernels.wasm',
  '--runtime=stub',
  '-O3',
  '--noAssert',
  '--use=abort=',
  '--enable=simd,threads',
  '--importMemory',
  '--sharedMemory',
  '--noExportMemory',
  '--initialMemory=1',
  `--maximumMemory=${PAGES_MAX}`,
  `--memoryBase=${CONSTANTS_START}`,
]

await build()

async function build(): Promise<void> {
  let bytes = new Uint8Array()
  const { error, stderr } = await asc.main([ENTRY, ...OPTIONS], {
    readFile: (name) => (name === TILES_FILE ? tilesSource() : readOrNull(join(ROOM, name))),
    writeFile: (_name, contents) => {
      bytes = Uint8Array.from(contents as Uint8Array)
    },
  })
  const messages = stderr.toString()
  if (error !== null || messages !== '') throw new Error(`assemblyscript: ${error}\n${messages}`)
  assertSelfContained(new WebAssembly.Module(bytes))
  mkdirSync(join(ROOM, 'build'), { recursive: true })
  writeFileSync(join(ROOM, 'build', 'kernels.wasm'), bytes)
  console.log(`kernels/build/kernels.wasm: ${bytes.length} bytes`)
}

/** The compiler asks for several places a module could be in; null says that it is not there. */
function readOrNull(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** The module may import its memory alone, and its constants must end below all other bytes. */
function assertSelfContained(module: WebAssembly.Module): void {
  const imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`)
  if (imports.join() !== 'env.memory') throw new Error(`kernels.wasm imports ${imports.join()}`)
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGES_MAX, shared: true })
  new WebAssembly.Instance(module, { env: { memory } })
  const end = new Uint8Array(memory.buffer).findLastIndex((byte) => byte !== 0) + 1
  if (end > WORKSPACE_START) throw new Error(`constants end at ${end}, above ${WORKSPACE_START}`)
}
