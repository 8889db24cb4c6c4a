/**
 * `rank_pattern` and `alpha_pattern` of PEFT: the rank or alpha of the linear layers whose names a
 * regular expression matches. A pattern matches the end of a name, from a dot on, and of those that
 * match the first counts.
 *
 * Patterns come from outside. Only such are taken that mean the same in Python and here, and that
 * are matched in a time that grows with a small power of a name's length.
 * Source: huggingface/peft, src/peft/utils/other.py, get_pattern_key.
 */
import {
  type AdapterException,
  type AdapterShape,
  adapterLayout,
  linearName,
  type ModelShape,
} from '../../kernels/index.ts'

export type Patterns = Readonly<Record<string, number>>

export const PATTERNS_MAX = 64
const PATTERN_LENGTH_MAX = 128
const QUANTIFIERS_MAX = 2

/** Letters, dots, digits and classes of them; groups that are not repeated, and alternatives. */
const PLAIN = /^(?:\\[.dw]|[\w.|()[\]*+?^-])+$/
const REPEATED_GROUP = /\)[*+?]|\(\?|[*+?]{2}/

/** What is wrong with a pattern, as what it must be; null: it is taken. */
export function patternFault(pattern: string): string | null {
  if (pattern.length > PATTERN_LENGTH_MAX) return `at most ${PATTERN_LENGTH_MAX} characters long`
  const isPlain = PLAIN.test(pattern) && !REPEATED_GROUP.test(pattern)
  const quantifiers = pattern.match(/[*+?]/g) ?? []
  if (!isPlain || quantifiers.length > QUANTIFIERS_MAX || compiled(pattern) === null) {
    return (
      "the end of a layer's name, as 'q_proj' or 'layers.0.mlp.down_proj', or a regular " +
      `expression of it with at most ${QUANTIFIERS_MAX} of * + ?, none of them after a group`
    )
  }
  return null
}

function compiled(pattern: string): RegExp | null {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`)
  } catch {
    return null
  }
}

/** What PEFT calls a linear layer of the base. */
function moduleName({ layer, target }: Pick<AdapterException, 'layer' | 'target'>): string {
  return linearName(layer, target).replace(/\.weight$/, '')
}

/** Linear layers of `shape` whose rank or alpha the patterns change, in canonical order. */
export function exceptionsOf(
  model: ModelShape,
  shape: AdapterShape,
  ranks: Patterns,
  alphas: Patterns,
): AdapterException[] {
  const { adapterRank, alpha } = shape
  const rankOf = matcher(ranks, adapterRank)
  const alphaOf = matcher(alphas, alpha)
  return placesOf(model, shape).flatMap((place) => {
    const name = moduleName(place)
    const own = { ...place, adapterRank: rankOf(name), alpha: alphaOf(name) }
    return own.adapterRank === adapterRank && own.alpha === alpha ? [] : [own]
  })
}

function matcher(patterns: Patterns, otherwise: number): (name: string) => number {
  const all = Object.entries(patterns).map(([key, value]) => [compiled(key)!, value] as const)
  return (name) => all.find(([pattern]) => pattern.test(name))?.[1] ?? otherwise
}

/** The first pattern that matches no linear layer with an adapter; undefined: all do. */
export function idlePattern(
  model: ModelShape,
  shape: AdapterShape,
  patterns: Patterns,
): string | undefined {
  const names = placesOf(model, shape).map(moduleName)
  return Object.keys(patterns).find((key) => !names.some((name) => compiled(key)!.test(name)))
}

function placesOf(model: ModelShape, { exceptions: _, ...shape }: AdapterShape) {
  return adapterLayout(model, shape)
    .tensors.filter(({ part }) => part === 'A')
    .map(({ layer, target }) => ({ layer, target }))
}

/** The patterns that say a shape's exceptions: of a whole target where all its layers agree. */
export function patternsOf(
  model: ModelShape,
  shape: AdapterShape,
  field: 'adapterRank' | 'alpha',
): Patterns {
  const patterns: Record<string, number> = {}
  const own = new Map((shape.exceptions ?? []).map((one) => [moduleName(one), one[field]]))
  const names = placesOf(model, shape).map((place) => [place.target, moduleName(place)] as const)
  for (const target of shape.targets) {
    const ofTarget = names.filter(([of]) => of === target).map(([, name]) => name)
    const values = new Set(ofTarget.map((name) => own.get(name) ?? shape[field]))
    const [first] = values
    if (values.size === 1 && first !== shape[field]) patterns[`${target}_proj`] = first!
    if (values.size === 1) continue
    for (const name of ofTarget) {
      const value = own.get(name)
      if (value !== undefined && value !== shape[field]) patterns[name] = value
    }
  }
  return patterns
}
