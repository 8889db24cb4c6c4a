import type { Attacker } from './attacker.ts'

/** It is as long as an honest delta, so that no bound stops it, and means nothing. */
export const noise: Attacker = {
  name: 'noise',
  about: 'hands in noise, as large as an honest delta',
  handIn: () => ({ rightLinks: 0, payload: 'noise' }),
}
