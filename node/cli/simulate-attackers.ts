/** The attackers that `simulate` knows, as its help lists them. */
import { ATTACKERS } from '../../simulations/index.ts'

const NAME_WIDTH = 19

export function attackerLines(): string {
  return ATTACKERS.map(({ name, about }) => `  ${name.padEnd(NAME_WIDTH)}${about}`).join('\n')
}
