/**
 * What the kernels ask of an engine, found out before anything is fetched or compiled: the smallest
 * modules that use it are either valid there or not.
 * Source: WebAssembly Core 3.0, §5.4 (instructions) and §5.5 (modules).
 */

export type Feature = 'WebAssembly' | 'WebAssembly SIMD' | 'WebAssembly threads'

/** (module (func (result v128) (i8x16.splat (i32.const 0)))) */
const SIMD =
  '00 61 73 6d 01 00 00 00  01 05 01 60 00 01 7b  03 02 01 00  0a 08 01 06 00 41 00 fd 0f 0b'
/** (module (memory 1 1 shared)) */
const SHARED_MEMORY = '00 61 73 6d 01 00 00 00  05 04 01 03 01 01'

/** What an engine lacks, by the name that people look it up by; null when it has all. */
export function missingFeature(
  engine: Pick<typeof WebAssembly, 'validate'> | null = globalThis.WebAssembly ?? null,
): Feature | null {
  if (engine === null) return 'WebAssembly'
  if (!engine.validate(bytesOf(SIMD))) return 'WebAssembly SIMD'
  return engine.validate(bytesOf(SHARED_MEMORY)) ? null : 'WebAssembly threads'
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.split(/ +/), (byte) => Number.parseInt(byte, 16))
}
