import type { Attacker } from './attacker.ts'

/** Ten keys on one machine; one that is banned comes back as somebody new. */
export const sybils: Attacker = {
  name: 'sybils',
  about: 'ten identities on a machine hand in noise; a banned one comes back under a new key',
  identities: 10,
  whitewashes: true,
  handIn: () => ({ rightLinks: 0, payload: 'noise' }),
}
