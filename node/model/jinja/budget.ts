/**
 * How much a template may do. A template comes with a model that anybody may have made, and one
 * that loops over loops would hold up its reader for ever. Steps are counted, not seconds, so that
 * the same template with the same messages ends alike on every machine.
 */
import { JinjaError } from './errors.ts'

/** Nodes evaluated and things made, about a second's work. A long conversation takes thousands. */
export const STEPS_MAX = 10_000_000
/** Letters that cost as much as a step. */
const LETTERS_PER_STEP = 8
/** Expressions, statements and calls within each other: more would overflow the stack. */
export const DEPTH_MAX = 400
/** Letters that are written, those into variables and macros included. */
export const LETTERS_WRITTEN_MAX = 32 * 1024 * 1024

export class Budget {
  private steps = 0
  private letters = 0
  private depth = 0

  spend(steps: number): void {
    this.steps += steps
    if (this.steps > STEPS_MAX) {
      throw new JinjaError(`it takes more than ${STEPS_MAX} steps`)
    }
  }

  /** Pays for a text of that length, before it is made. */
  spendText(length: number): void {
    this.spend(1 + length / LETTERS_PER_STEP)
  }

  write(length: number): void {
    this.letters += length
    if (this.letters > LETTERS_WRITTEN_MAX) {
      throw new JinjaError(`it writes more than ${LETTERS_WRITTEN_MAX} letters`)
    }
  }

  /** Whoever enters leaves, unless all ends with an error. */
  enter(): void {
    this.depth += 1
    if (this.depth > DEPTH_MAX) {
      throw new JinjaError(`its parts lie more than ${DEPTH_MAX} deep within each other`)
    }
  }

  leave(): void {
    this.depth -= 1
  }
}
