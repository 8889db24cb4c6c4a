import type { Attacker } from './attacker.ts'

/** Trains all steps, and wants its batches to count eight times. */
export const scaled: Attacker = {
  name: 'scaled',
  about: 'trains, and hands in eight times what came of it',
  handIn: ({ steps }) => ({ rightLinks: steps, payload: 'scaled' }),
}
