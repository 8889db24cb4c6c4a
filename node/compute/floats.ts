/**
 * Float32 arrays <-> their canonical bytes (little-endian, as every machine that runs WASM SIMD
 * is).
 */

/**
 * @throws RangeError when the length is not a multiple of 4 (our bug: lengths are checked at the
 * door).
 */
export function floatsOf(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

export function bytesOf(floats: Float32Array): Uint8Array {
  return Uint8Array.from(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength))
}
