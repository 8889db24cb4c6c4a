import type { Attacker } from './attacker.ts'

/** Trains all steps, and hands in the way back. */
export const signFlip: Attacker = {
  name: 'sign-flip',
  about: 'trains, and hands in the reverse of what came of it',
  handIn: ({ steps }) => ({ rightLinks: steps, payload: 'flipped' }),
}
