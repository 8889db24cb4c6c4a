/**
 * Which turns of a conversation are learned, and what of them, by axolotl's keys of a dataset.
 * Source: axolotl, "Conversation" and its schema of datasets.
 */
import { z } from 'zod'

const role = z.string().min(1).max(64)

/** Which ends of turns are learned: of all, of the learned ones, of the last of these, or none. */
export const ENDS = ['all', 'turn', 'last', 'none'] as const
export type Ends = (typeof ENDS)[number]

/** Keys of a dataset in run.yaml. */
export const turnKeys = {
  roles: z
    .record(role, z.array(role).min(1))
    .refine((roles) => isOnce(Object.values(roles).flat()), {
      error: 'must name each role of the rows once',
    })
    .optional()
    .describe('Which roles of its rows mean a role of the template: `{assistant: [bot]}`.'),
  roles_to_train: z
    .array(role)
    .optional()
    .describe('Whose turns are learned; left out: `[assistant]`.'),
  train_on_eos: z
    .enum(ENDS)
    .optional()
    .describe(
      'Which ends of turns are learned: those of `all`, of each learned `turn`, of the `last` ' +
        'learned one, or `none`; left out: `turn`.',
    ),
  drop_system_message: z
    .boolean()
    .optional()
    .describe('Conversations lose what the system says first.'),
  split_thinking: z
    .boolean()
    .optional()
    .describe(
      "Thoughts that the assistant's words begin with, as `<think>…</think>`, become " +
        '`reasoning_content`, which the template writes as it likes.',
    ),
}

const isOnce = (names: readonly string[]): boolean => new Set(names).size === names.length

export type TurnKeys = { [K in keyof typeof turnKeys]?: z.infer<(typeof turnKeys)[K]> }
export const TURN_KEYS = Object.keys(turnKeys) as (keyof TurnKeys)[]

/** What the keys say of each turn. */
export interface TurnChoice {
  /** What those who speak are called by the template. */
  roleOf(speaker: string): string
  trains(role: string): boolean
  /** Everything is learned, what is asked, too. */
  isAll: boolean
  /** Whether a turn of any role is learned that says so itself. */
  isOpen: boolean
  ends: Ends
  dropsSystem: boolean
  splitsThinking: boolean
}

interface Keys extends TurnKeys {
  train_on_inputs?: boolean | undefined
  message_field_training?: string | undefined
}

export function turnChoice(keys: Keys): TurnChoice {
  const named = Object.entries(keys.roles ?? {}).flatMap(([target, sources]) =>
    sources.map((source) => [source, target] as const),
  )
  const roles = new Map(named)
  const roleOf = (speaker: string) => roles.get(speaker) ?? ROLES.get(speaker) ?? speaker
  const trained = new Set((keys.roles_to_train ?? ['assistant']).map(roleOf))
  const isAll = keys.train_on_inputs === true
  return {
    roleOf,
    trains: (name) => isAll || trained.has(name),
    isAll,
    isOpen: keys.message_field_training !== undefined,
    ends: keys.train_on_eos ?? 'turn',
    dropsSystem: keys.drop_system_message === true,
    splitsThinking: keys.split_thinking === true,
  }
}

/** What ShareGPT, LLaMA-Factory and OpenAI's older format call those who speak. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ['human', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bing', 'assistant'],
  ['observation', 'tool'],
  ['function', 'tool'],
  ['model', 'assistant'],
])

/** Roles that templates know. */
export const KNOWN_ROLES: ReadonlySet<string> = new Set([
  'system',
  'developer',
  'user',
  'assistant',
  'tool',
  'ipython',
])

export const DEFAULT_CHOICE = turnChoice({})
