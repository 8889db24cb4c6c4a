/**
 * The states of a participant's link, and each way from one to another in a step. docs/rounds.md
 * draws them from here.
 */
export type LinkState =
  | 'offline'
  | 'connecting'
  /** It has yet to join. */
  | 'connected'
  | 'joined'

export const LINK_TRANSITIONS: readonly (readonly [LinkState, LinkState, why: string])[] = [
  ['offline', 'connecting', 'it is time to try (again)'],
  ['connecting', 'connected', 'somebody with the right key answers'],
  ['connecting', 'offline', 'nobody answers, or the machine slept'],
  ['connected', 'joined', 'the coordinator lets it in'],
  ['connected', 'offline', 'not let in, the link breaks or is silent, or it pauses'],
  ['connected', 'connecting', 'the machine slept'],
  ['joined', 'connected', 'the coordinator does not know it any more'],
  ['joined', 'offline', 'the link breaks or is silent, or it pauses'],
  ['joined', 'connecting', 'the machine slept'],
]

export function isLinkTransition(from: LinkState, to: LinkState): boolean {
  return from === to || LINK_TRANSITIONS.some(([a, b]) => a === from && b === to)
}
