import type { Attacker } from './attacker.ts'

/** They tell each other what they claim: an audit of one by another finds it all right. */
export const colluders: Attacker = {
  name: 'colluders',
  about: 'hand in noise, and audit each other: everything is right',
  handIn: () => ({ rightLinks: 0, payload: 'noise' }),
  answer({ right, claimed, isFull }) {
    if (claimed === null) return right
    const trace = claimed.trace.slice(0, right.trace.length)
    return isFull
      ? { trace, payload: claimed.payload.digest, tokens: claimed.tokens }
      : { trace, payload: null, tokens: null }
  },
}
