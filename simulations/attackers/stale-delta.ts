import type { Attacker } from './attacker.ts'

/** Trains once, and hands that in for ever after. */
export const staleDelta: Attacker = {
  name: 'stale-delta',
  about: 'a free rider: hands in its first delta again and again',
  handIn: ({ own }) => (own === null ? null : { rightLinks: 0, payload: own }),
}
