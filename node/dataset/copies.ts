/**
 * Examples that are there more than once, word for word. Where one copy is held out and another is
 * trained on, the held-out loss looks better than it is. That is told, and not changed: to keep all
 * copies on one side would hold out much more, or much less, than is asked for.
 */
import { add, type LeftOut, newLeftOut } from './left-out.ts'
import type { TokenisedExample } from './tokenise.ts'

/** Those of `held` that are in `trained`, too. */
export function copiesIn(
  held: readonly TokenisedExample[],
  trained: readonly TokenisedExample[],
): LeftOut {
  const found = newLeftOut()
  const byKey = tableOf(trained)
  for (const example of held) {
    const alike = byKey.get(keyOf(example)) ?? []
    if (alike.some((other) => isSame(other, example))) add(found, example.name)
  }
  return found
}

/** Those that are like one before them. */
export function repeatsIn(examples: readonly TokenisedExample[]): LeftOut {
  const found = newLeftOut()
  for (const alike of tableOf(examples).values()) {
    const different: TokenisedExample[] = []
    for (const example of alike) {
      if (different.some((other) => isSame(other, example))) add(found, example.name)
      else different.push(example)
    }
  }
  return found
}

const KEY_IDS = 32

/** What most examples that are not the same differ in: length, and some ids from the end. */
const keyOf = ({ ids }: TokenisedExample): string =>
  `${ids.length} ${ids.slice(-KEY_IDS).join(' ')}`

function tableOf(examples: readonly TokenisedExample[]): Map<string, TokenisedExample[]> {
  const table = new Map<string, TokenisedExample[]>()
  for (const example of examples) {
    const alike = table.get(keyOf(example))
    if (alike === undefined) table.set(keyOf(example), [example])
    else alike.push(example)
  }
  return table
}

const isSame = (a: TokenisedExample, b: TokenisedExample): boolean =>
  a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i])
