/**
 * Names against patterns, as fsspec reads them: `*` and `?` stand for what has no slash, `**` for
 * anything, `[abc]`, `[a-z]` and `[!a]` for a character. A pattern may be a stranger's, so no
 * pattern takes longer than its length times that of the name.
 */

/** One character of a name, or with `repeats` any number of them. */
interface Part {
  takes(letter: string): boolean
  repeats: boolean
}

export function globMatcher(pattern: string): (name: string) => boolean {
  const parts = partsOf(pattern)
  return (name) => {
    let at = reach(new Set([0]), parts)
    for (const letter of name) {
      const next = new Set<number>()
      for (const i of at) {
        if (parts[i]?.takes(letter)) next.add(parts[i].repeats ? i : i + 1)
      }
      at = reach(next, parts)
    }
    return at.has(parts.length)
  }
}

/** Adds where else a match may stand, as parts that repeat may do so no time at all. */
function reach(at: Set<number>, parts: readonly Part[]): Set<number> {
  // A set gives what is added while it is gone through.
  for (const i of at) if (parts[i]?.repeats) at.add(i + 1)
  return at
}

const isPlain = (letter: string) => letter !== '/'
const isAny = () => true

function partsOf(pattern: string): Part[] {
  const parts: Part[] = []
  // `**/` may stand for no folder at all.
  for (const token of pattern.match(/\*\*\/?|\*|\?|\[!?\]?[^\]]*\]|[\s\S]/gu) ?? []) {
    if (token === '**/') parts.push({ takes: isAny, repeats: true })
    else if (token.startsWith('*')) {
      parts.push({ takes: token === '**' ? isAny : isPlain, repeats: true })
    } else if (token === '?') parts.push({ takes: isPlain, repeats: false })
    else if (token.length > 2) parts.push({ takes: classOf(token), repeats: false })
    else parts.push({ takes: (letter) => letter === token, repeats: false })
  }
  return parts
}

function classOf(token: string): Part['takes'] {
  const inner = token.slice(1, -1)
  const isNegative = inner.startsWith('!')
  const members = [...(isNegative ? inner.slice(1) : inner)]
  return (letter) => {
    const isIn = members.some((one, i) => {
      const isRange = members[i + 1] === '-' && members[i + 2] !== undefined
      return one === letter || (isRange && one <= letter && letter <= members[i + 2]!)
    })
    return letter !== '/' && isIn !== isNegative
  }
}
