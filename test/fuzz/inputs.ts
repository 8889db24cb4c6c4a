/** The n-th input of a target: the same for the same seed, on every machine. */
import { nextBelow, nextFraction, prng } from '../../protocol/prng.ts'
import { mutateBytes, mutateValue } from './mutations.ts'
import type { Target } from './target.ts'

/** This share of the values that become bytes is changed after they did. */
const BYTES_SHARE = 0.3

export type MakeInput = (seed: number, index: number) => Uint8Array

export function inputsOf({ name, seeds, write }: Target): MakeInput {
  const valid = seeds()
  const written = valid.map((value) => (write === undefined ? (value as Uint8Array) : write(value)))
  return (seed, index) => {
    const random = prng(hashOf(`${name} ${seed} ${index}`))
    const one = nextBelow(random, valid.length)
    const other = nextBelow(random, valid.length)
    // The first inputs are the valid ones, which must be read.
    if (index < valid.length) return written[index]!
    if (write === undefined || nextFraction(random) < BYTES_SHARE) {
      return mutateBytes(random, written[one]!, written[other]!)
    }
    return write(mutateValue(random, valid[one], valid[other]))
  }
}

/** FNV-1a, in 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return hash >>> 0
}
