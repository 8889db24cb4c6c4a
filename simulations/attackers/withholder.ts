import type { Attacker } from './attacker.ts'

/** Holds what it gets until that is taken from it. */
export const withholder: Attacker = {
  name: 'withholder',
  about: 'takes leases, and returns nothing',
  withholds: true,
}
