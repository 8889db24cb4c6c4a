import type { Attacker } from './attacker.ts'

/** The withholder with as many keys as it likes. */
export const withholdingCrowd: Attacker = {
  name: 'withholding-crowd',
  about: 'fifty identities on a machine take leases, and return nothing',
  identities: 50,
  withholds: true,
}
