import type { Attacker } from './attacker.ts'

/** Does half of the steps, and asks for the credit of all. */
export const fewerSteps: Attacker = {
  name: 'fewer-steps',
  about: 'a free rider: does half of the steps that it claims',
  handIn({ steps }) {
    const done = Math.ceil(steps / 2)
    return done === steps ? null : { rightLinks: done, payload: { steps: done } }
  },
}
