/**
 * Examples that are there more than once, word for word. Where one copy is held out and another is
 * trained on, the held-out loss looks better than it is. That is told, and changed where run.yaml
 * says `dataset_exact_deduplication`: to keep all copies on one side would hold out much more, or
 * much less, than is asked for.
 */
import { createHash } from 'node:crypto'
import { add, type LeftOut, newLeftOut } from './left-out.ts'
import type { TokenisedExample } from './tokenise.ts'

/** Those of `held` that are in `trained`, too, whatever of them is learned. */
export function copiesIn(
  held: readonly TokenisedExample[],
  trained: readonly TokenisedExample[],
): LeftOut {
  const found = newLeftOut()
  const seen = new Set(trained.map(({ ids }) => digestOf(ids)))
  for (const { name, ids } of held) if (seen.has(digestOf(ids))) add(found, name)
  return found
}

/** Whether each is like one before it, and the same of it is learned. */
export function repeatsIn(examples: readonly TokenisedExample[]): boolean[] {
  const seen = new Set<string>()
  return examples.map(({ ids, learned }) => {
    const digest = digestOf(ids, learned)
    const isRepeat = seen.has(digest)
    seen.add(digest)
    return isRepeat
  })
}

function digestOf(...parts: (Int32Array | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const { buffer, byteOffset, byteLength } of parts) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return hash.digest('base64')
}
