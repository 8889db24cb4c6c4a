import type { Attacker } from './attacker.ts'

/** Wants its name on the board, and trains nothing. */
export const zeros: Attacker = {
  name: 'zeros',
  about: 'a free rider: hands in an unchanged adapter, and trains nothing',
  handIn: () => ({ rightLinks: 0, payload: 'zeros' }),
}
