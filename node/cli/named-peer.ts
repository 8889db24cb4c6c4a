/** Whom of a run a user means: by a peer id, the end of one, or a volunteer's name. */
import { ConfigError, type PeerId } from '../../protocol/index.ts'
import { nearest } from '../nearest.ts'
import { PEER_ID } from '../network/peer-id.ts'

/** Characters of a peer id's end that the pages show; fewer would name too many. */
export const ENDING_MIN = 6

const SHORT_MAX = 4

/** Who may be meant, and how messages call them. */
export interface Known {
  /** What each calls itself; null: nobody knows. */
  names: ReadonlyMap<PeerId, string | null>
  /** `nobody there is called so`: who `there` are. */
  they: string
}

/**
 * A whole peer id means that peer, whatever others call themselves, and though it is not known yet.
 * @throws ConfigError unless the end of an id, or a name, is that of one alone
 */
export function namedPeer(who: string, { names, they }: Known): PeerId {
  if (PEER_ID.test(who) || names.has(who)) return who
  const meant = [...names].flatMap(([peer, name]) =>
    name === who || (who.length >= ENDING_MIN && peer.endsWith(who)) ? [peer] : [],
  )
  if (meant.length === 1) return meant[0]!
  const found = meant.length === 0 ? `nobody ${they}` : `more than one ${they}`
  const ids = meant.map((peer) => `\n  ${peer}`).join('')
  const near = meant.length > 0 ? null : nearName(who, names)
  const guess = near === null ? '' : `. Did you mean '${near}'?`
  throw new ConfigError(
    `Cannot tell who '${who}' is as ${found} is called so: give a peer's id, or its end as the ` +
      `pages show it${guess}${ids}`,
  )
}

/** A short name is near to every other, so it has to be the same but for its capitals. */
function nearName(who: string, names: Known['names']): string | null {
  const known = [...names.values()].filter((name) => name !== null)
  const same = known.find((name) => name.toLowerCase() === who.toLowerCase())
  return same ?? (who.length > SHORT_MAX ? nearest(who, known) : null)
}
