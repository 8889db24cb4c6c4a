/** A volunteer by its name, with the colour of its key, and what tells it from a namesake. */
import type { CSSProperties } from 'preact'
import { useMemo } from 'preact/hooks'
import type { PeerRow } from '../../history/rows.ts'
import { peerColor } from './peer-color.ts'

/** Commands take so many characters of an id for the whole. */
const ENDING = 6

type Named = Pick<PeerRow, 'peer' | 'name'>

/** @param hasNamesake another volunteer in the list has this name */
export function Who({ peer, name, hasNamesake }: Named & { hasNamesake: boolean }) {
  const { light, dark } = useMemo(() => peerColor(peer), [peer])
  const colors = { '--light': light, '--dark': dark } as CSSProperties
  return (
    <span class="who" title={peer}>
      <span class="dot" aria-hidden="true" style={colors} />
      <span class="name">{name}</span>
      {hasNamesake && <span class="soft">{peer.slice(-ENDING)}</span>}
    </span>
  )
}

/** Names that more than one of them has. */
export function namesakesAmong(peers: Iterable<Named>): Set<string> {
  const [seen, shared] = [new Set<string>(), new Set<string>()]
  for (const { name } of peers) {
    if (seen.has(name)) shared.add(name)
    seen.add(name)
  }
  return shared
}
