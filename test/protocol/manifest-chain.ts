/** Manifests of rounds that are made up, for what is counted of them. */
import type { RoundManifest } from '../../protocol/credit.ts'
import { digestOf, utf8ToBytes } from '../../protocol/digest.ts'
import type { Manifest } from '../../protocol/envelope.ts'
import { exampleManifest } from './example-messages.ts'

const [example] = exampleManifest.contributions
export const named = (name: string) => digestOf(utf8ToBytes(name))

export type Done = [leaseId: number, peer: string, tokens: number]

/** Rounds as manifests that follow from one another; each contribution is of two batches. */
export function chainOf(
  ...rounds: { done: Done[]; lost?: [round: number, leaseIds: number[]][] }[]
) {
  return rounds.map(({ done, lost = [] }, round): RoundManifest => {
    const manifest: Manifest = {
      ...exampleManifest,
      round,
      parent: round === 0 ? null : named(`round ${round - 1}`),
      corrections: lost.map(([of, leaseIds]) => ({
        round: of,
        manifest: { digest: named(`round ${of}`), bytes: 1 },
        leaseIds,
        theta: 1,
        momentum: 0,
      })),
      contributions: done.map(([leaseId, peer, tokens]) => ({
        ...example!,
        leaseId,
        peer,
        tokens,
      })),
    }
    return { digest: named(`round ${round}`), manifest }
  })
}
