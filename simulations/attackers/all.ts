/** Who can be asked for by name. */
import type { Attacker } from './attacker.ts'
import { colluders } from './colluders.ts'
import { copier } from './copier.ts'
import { falseAccuser } from './false-accuser.ts'
import { fewerSteps } from './fewer-steps.ts'
import { flippingBit } from './flipping-bit.ts'
import { lastStep } from './last-step.ts'
import { noise } from './noise.ts'
import { scaled } from './scaled.ts'
import { signFlip } from './sign-flip.ts'
import { slowPoison } from './slow-poison.ts'
import { staleDelta } from './stale-delta.ts'
import { sybils } from './sybils.ts'
import { withholder } from './withholder.ts'
import { withholdingCrowd } from './withholding-crowd.ts'
import { zeros } from './zeros.ts'

export const ATTACKERS: readonly Attacker[] = [
  zeros,
  staleDelta,
  fewerSteps,
  copier,
  noise,
  scaled,
  signFlip,
  lastStep,
  slowPoison,
  colluders,
  sybils,
  withholder,
  withholdingCrowd,
  falseAccuser,
  flippingBit,
]
