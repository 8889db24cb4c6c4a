import { between, chance } from '../laws.ts'
import type { Attacker } from './attacker.ts'

/** So many of its leases meet the bad bit. */
const RATE = 0.02

/** No attacker at all: an honest machine whose memory fails now and then, at any step. */
export const flippingBit: Attacker = {
  name: 'flipping-bit',
  about: 'an honest machine whose memory fails in two leases of a hundred',
  handIn({ steps, random }) {
    if (!chance(random, RATE)) return null
    return { rightLinks: Math.floor(between(random, 0, steps)), payload: 'noise' }
  },
}
