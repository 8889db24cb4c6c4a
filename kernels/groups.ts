/** The linear layers of a decoder layer that read the same x. */
import type { AdapterLayout } from './lora.ts'
import type { Target } from './shape.ts'

/** Linear layers that read the same x: worked off as one, with their outputs side by side. */
export const GROUPS = {
  qkv: ['q', 'k', 'v'],
  o: ['o'],
  gateUp: ['gate', 'up'],
  down: ['down'],
} as const satisfies Record<string, readonly Target[]>
export type GroupName = keyof typeof GROUPS

/** The most that a layer has in one group: what layers use in turn, or share, fits all of them. */
export function mostRanks(
  { tensors }: AdapterLayout,
  layerCount: number,
): Record<GroupName, number> {
  return forGroups((name) => {
    const targets: readonly Target[] = GROUPS[name]
    const ranks = new Array<number>(layerCount).fill(0)
    for (const { layer, target, part, rows } of tensors) {
      if (part === 'A' && targets.includes(target)) ranks[layer]! += rows
    }
    return Math.max(...ranks)
  })
}

export function forGroups<T>(value: (name: GroupName) => T): Record<GroupName, T> {
  const names = Object.keys(GROUPS) as GroupName[]
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<GroupName, T>
}
