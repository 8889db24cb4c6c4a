import { digestOfText } from '../work-done.ts'
import type { Attacker } from './attacker.ts'

/** Trains honestly, and swears that nobody else does. */
export const falseAccuser: Attacker = {
  name: 'false-accuser',
  about: 'trains, and says of all that it audits that it is wrong',
  answer: ({ right }) => ({
    ...right,
    trace: right.trace.map((link) => digestOfText(`not ${link}`)),
    payload: right.payload === null ? null : digestOfText(`not ${right.payload}`),
  }),
}
