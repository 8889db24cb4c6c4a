import type { Attacker } from './attacker.ts'

/** Honest pieces of work until its lies begin: a newcomer has to prove itself. */
const PATIENCE = 12

/** Every link is right but the last: a look at the first step finds nothing. */
export const lastStep: Attacker = {
  name: 'last-step',
  about: 'proves itself, then poisons the last step of each lease',
  handIn: ({ steps, done }) =>
    done < PATIENCE ? null : { rightLinks: steps - 1, payload: 'flipped' },
}
