import { chance } from '../laws.ts'
import type { Attacker } from './attacker.ts'

const PATIENCE = 12
/** So much of its work is poisoned. */
const SHARE = 0.2

/** Rare, late, and no longer than an honest delta: neither looks nor clipping find it. */
export const slowPoison: Attacker = {
  name: 'slow-poison',
  about: 'proves itself, then leans one payload of five a little the wrong way',
  handIn: ({ steps, done, random }) =>
    done < PATIENCE || !chance(random, SHARE) ? null : { rightLinks: steps, payload: 'leaning' },
}
