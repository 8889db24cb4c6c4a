/** Who attacks, as it is told in words: `noise:0.2,copier:0.1` are shares of the machines. */
import { ConfigError } from '../protocol/index.ts'
import { ATTACKERS } from './attackers/all.ts'
import type { Attacker } from './attackers/attacker.ts'
import { between } from './laws.ts'
import { streamFor } from './streams.ts'

export interface AttackShare {
  attacker: Attacker
  /** Its share of all machines that come. */
  share: number
}

/** @throws ConfigError unless each is a known name with a share, and somebody is left honest */
export function attacksOf(text: string): AttackShare[] {
  const attacks = text.split(',').map(attackOf)
  const names = new Set(attacks.map(({ attacker }) => attacker.name))
  if (names.size < attacks.length) {
    throw new ConfigError(
      `Cannot simulate as 'attack' must name each attacker once: current value is ${text}`,
    )
  }
  const total = attacks.reduce((sum, { share }) => sum + share, 0)
  if (total < 1) return attacks
  throw new ConfigError(
    `Cannot simulate as the shares of 'attack' must add up to less than 1: they come to ${total}`,
  )
}

function attackOf(part: string): AttackShare {
  const [name = '', shareText = '', ...rest] = part.split(':')
  const attacker = ATTACKERS.find((one) => one.name === name)
  if (attacker === undefined) {
    const names = ATTACKERS.map((one) => one.name).join(', ')
    throw new ConfigError(
      `Cannot simulate as 'attack' must be one of ${names}: current value is ${name}`,
    )
  }
  const share = shareText.trim() === '' ? Number.NaN : Number(shareText)
  if (rest.length > 0 || !(share > 0 && share < 1)) {
    throw new ConfigError(
      `Cannot simulate as 'attack' must be NAME:SHARE,… with shares above 0 and below 1: ` +
        `current value is ${part}`,
    )
  }
  return { attacker, share }
}

/** What a machine is: the same in all runs of a seed, whoever else is there. */
export function attackerOf(
  seed: number,
  host: number,
  attacks: readonly AttackShare[],
): Attacker | null {
  let rest = between(streamFor(seed, 'attacker', host), 0, 1)
  for (const { attacker, share } of attacks) {
    rest -= share
    if (rest < 0) return attacker
  }
  return null
}
