/** False payloads with real numbers, in the form that an honest one has (`kernels/compress.ts`). */
import { nextFraction, type Prng } from '../protocol/index.ts'
import type { Forgery } from './attackers/attacker.ts'

export type ForgedKind = Extract<Forgery, string>

/** How the scalars of a payload are written, and how many there are. */
export interface Form {
  codec: 'float32' | 'int8' | 'int4'
  count: number
}

const BLOCK = 64
const SCALED = 8
/** So many of the scalars are turned round by one that leans. */
const LEANING_SHARE = 0.1
const LEVELS = { int8: 127, int4: 7 } as const

/** The moments behind the scalars stay as they are. */
export function forge(payload: Uint8Array, kind: ForgedKind, form: Form, random: Prng): Uint8Array {
  const forged = payload.slice()
  if (form.codec === 'float32') forgeFloats(forged, kind, form.count, random)
  else forgeCodes(forged, kind, { ...form, codec: form.codec }, random)
  return forged
}

function forgeFloats(bytes: Uint8Array, kind: ForgedKind, count: number, random: Prng): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4 * count)
  for (let at = 0; at < 4 * count; at += 4) {
    const value = view.getFloat32(at, true)
    view.setFloat32(at, factorOf(kind, random) * value, true)
  }
}

/** What a scalar is multiplied by; noise keeps its size, and not its sign. */
function factorOf(kind: ForgedKind, random: Prng): number {
  switch (kind) {
    case 'zeros':
      return 0
    case 'scaled':
      return SCALED
    case 'flipped':
      return -1
    case 'noise':
      return nextFraction(random) < 0.5 ? -1 : 1
    case 'leaning':
      return nextFraction(random) < LEANING_SHARE ? -1 : 1
  }
}

function forgeCodes(
  bytes: Uint8Array,
  kind: ForgedKind,
  { codec, count }: Form & { codec: 'int8' | 'int4' },
  random: Prng,
): void {
  const scales = Math.ceil(count / BLOCK)
  if (kind === 'scaled') return scaleUp(bytes, scales)
  const codes = bytes.subarray(2 * scales)
  for (let scalar = 0; scalar < count; scalar++) {
    const factor = factorOf(kind, random)
    if (codec === 'int8') codes[scalar] = turned(codes[scalar]!, factor, 256, LEVELS.int8)
    else {
      const [place, shift] = [scalar >>> 1, 4 * (scalar & 1)]
      const nibble = turned((codes[place]! >>> shift) & 15, factor, 16, LEVELS.int4)
      codes[place] = (codes[place]! & ~(15 << shift)) | (nibble << shift)
    }
  }
}

/** A code in two's complement, times 0, 1 or -1. */
function turned(code: number, factor: number, range: number, level: number): number {
  const value = code > level ? code - range : code
  return (range + factor * value) % range
}

const [EXPONENT, FLOAT16_MAX] = [0x0400, 0x7bff]

/** Eight times a float16 has an exponent larger by three; the tiniest stay as they are. */
function scaleUp(bytes: Uint8Array, scales: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 2 * scales)
  for (let at = 0; at < 2 * scales; at += 2) {
    const bits = view.getUint16(at, true)
    if (bits < EXPONENT) continue
    view.setUint16(at, Math.min(FLOAT16_MAX, bits + 3 * EXPONENT), true)
  }
}
