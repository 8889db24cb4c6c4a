/**
 * A run.yaml for a base and data that were opened, which `check` then accepts: sequences as long as
 * the data asks for and the base can see, a chat template where conversations have none, and `rl`
 * where rows rate answers.
 */
import type { Hub } from '../hub/locate.ts'
import { openBaseModel } from '../model/base-model.ts'
import { hasChatTemplate } from '../model/chat-template.ts'
import { locateRun } from './locate-run.ts'
import { lookAt, withPlan } from './plan-run.ts'
import type { DataLook } from './read-data.ts'
import type { RunYamlInput } from './run-keys.ts'
import { parseRunYaml } from './run-yaml.ts'
import { writeRunYaml } from './write-yaml.ts'

export interface Proposal {
  input: RunYamlInput
  /** What was chosen, and what is left out of the data: sentences. */
  notes: string[]
}

/** @throws ConfigError for a base or data that cannot be opened, or are too little for a run */
export async function proposeRun(
  input: RunYamlInput,
  file: string,
  hub: Hub | null,
): Promise<Proposal> {
  const locate = (given: RunYamlInput) =>
    locateRun(parseRunYaml(writeRunYaml(given, ''), file), hub)
  const base = await openBaseModel((await locate(input)).base)
  base.close()
  const hasTemplate = hasChatTemplate(base.companions)
  const looking = hasTemplate ? input : { ...input, chat_template: FALLBACK_TEMPLATE }
  const look = await lookAt(await locate(looking), base)
  const chosen: RunYamlInput = { ...input, ...sizesFor(look, base.contextLength) }
  const notes = [`sequence_len is ${chosen.sequence_len}: ${reasonFor(look)}`]
  if (look.isTalk && !hasTemplate) {
    chosen.chat_template = FALLBACK_TEMPLATE
    notes.push(`chat_template is ${FALLBACK_TEMPLATE}, as the model brings none`)
  }
  if (look.rl !== null) {
    chosen.rl = look.rl
    notes.push(`rl is ${look.rl}, as ${look.rl === 'dpo' ? PAIR_WORDS : RATING_WORDS}`)
  }
  const plannedNotes = await withPlan(await locate(chosen), (plan) => plan.notes)
  return { input: chosen, notes: [...notes, ...plannedNotes] }
}

const FALLBACK_TEMPLATE = 'chatml'

const PAIR_WORDS =
  "rows have answers that are 'chosen' and 'rejected'; ipo, orpo and simpo learn from such, too"
const RATING_WORDS =
  "rows have a 'label', whether the answer is good; to learn all answers alike, put " +
  "'leave_aside: [label]' in its place"

const SEQUENCE_MIN = 16
/** Sequence length for texts that go on; examples may be longer. */
const STREAM_SEQUENCE = 256
const EXAMPLE_SEQUENCE_MAX = 1024
/** Examples of this share should fit whole. */
const FITTING_SHARE = 0.95
const BATCH = 4
/** Fewer sequences leave nothing to hold out and to go round. */
const SEQUENCES_MIN = 2 * BATCH

function sizesFor(
  look: DataLook,
  contextLength: number,
): Pick<RunYamlInput, 'sequence_len' | 'micro_batch_size'> {
  const most = Math.min(look.isStream ? STREAM_SEQUENCE : lengthOfExamples(look), contextLength)
  const tokens = tokensOf(look)
  let length = SEQUENCE_MIN
  while (2 * length <= most && (!look.isStream || tokens / (2 * length) >= SEQUENCES_MIN)) {
    length *= 2
  }
  return { sequence_len: length, micro_batch_size: tokens / length >= SEQUENCES_MIN ? BATCH : 1 }
}

/** The power of two in which most of them fit. */
function lengthOfExamples(look: DataLook): number {
  return Math.min(EXAMPLE_SEQUENCE_MAX, 2 ** Math.ceil(Math.log2(fittingTokens(look) + 1)))
}

const fittingTokens = ({ figures }: DataLook): number =>
  figures.quantiles.find(({ share }) => share >= FITTING_SHARE)?.tokens ?? SEQUENCE_MIN

const tokensOf = ({ figures }: DataLook): number =>
  figures.sources.reduce((sum, { tokens }) => sum + tokens, 0)

function reasonFor(look: DataLook): string {
  return look.isStream
    ? `it is one long text of ${tokensOf(look)} tokens`
    : `${100 * FITTING_SHARE} % of the examples have at most ${fittingTokens(look)} tokens`
}
