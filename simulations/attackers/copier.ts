import type { Attacker } from './attacker.ts'

/** Hands in what somebody else has just handed in, as its own. */
export const copier: Attacker = {
  name: 'copier',
  about: "hands in another volunteer's payload as its own",
  handIn: ({ others }) => (others === null ? null : { rightLinks: 0, payload: others }),
}
