/**
 * Alpaca's rows as text. A system prompt stands in place of the sentence that usually comes first,
 * as in axolotl's `alpaca_w_system` of the style `instruct`. The turns of `history` come before,
 * and their answers are learned, too, as in LLaMA-Factory.
 * Source: Taori et al. 2023, Stanford Alpaca: the two prompts that its models are trained on.
 */

import { type Fields, isAbsent } from './fields.ts'
import { type Fault, fault } from './row.ts'

/** What is asked and what is answered, of which the answer is learned. */
export interface Turn {
  prompt: string
  answer: string
}

export const ALPACA_FIELDS = ['instruction', 'input', 'output', 'system', 'history']

const PREAMBLE = 'Below is an instruction that describes a task'
const PREAMBLE_INPUT = ', paired with an input that provides further context'
const REQUEST = '. Write a response that appropriately completes the request.'

export function alpacaTurns(row: Fields): Turn[] | Fault {
  const { instruction, input, output, system, history } = row
  if (typeof instruction !== 'string') return fault('instruction', 'a text', instruction)
  if (typeof output !== 'string') return fault('output', 'a text', output)
  if (!isAbsent('input', input) && typeof input !== 'string') return fault('input', 'a text', input)
  if (!isAbsent('system', system) && typeof system !== 'string') {
    return fault('system', 'a text', system)
  }
  const before = isAbsent('history', history) ? [] : pairsOf(history)
  if (!Array.isArray(before)) return before
  const last = { instruction, input: typeof input === 'string' ? input : '', output }
  const turns = [...before, last]
  const opening = typeof system === 'string' && system !== '' ? system : null
  return turns.map((turn, i) => ({
    prompt: (i === 0 ? '' : '\n\n') + promptOf(turn, i === 0 ? (opening ?? preamble(turn)) : null),
    answer: turn.output,
  }))
}

interface Exchange {
  instruction: string
  input: string
  output: string
}

function pairsOf(history: unknown): Exchange[] | Fault {
  const must = 'a list of pairs of an instruction and its answer'
  if (!Array.isArray(history)) return fault('history', must, history)
  const wrong = history.findIndex((pair) => !isPair(pair))
  if (wrong >= 0) return fault(`history[${wrong}]`, 'a pair of texts', history[wrong])
  return history.map(([instruction, output]) => ({ instruction, input: '', output }))
}

const isPair = (pair: unknown): boolean =>
  Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string')

const hasInput = ({ input }: Exchange): boolean => input.trim() !== ''

const preamble = (turn: Exchange): string =>
  `${PREAMBLE}${hasInput(turn) ? PREAMBLE_INPUT : ''}${REQUEST}`

function promptOf(turn: Exchange, opening: string | null): string {
  const parts = opening === null ? [] : [opening]
  parts.push(`### Instruction:\n${turn.instruction}`)
  if (hasInput(turn)) parts.push(`### Input:\n${turn.input}`)
  parts.push('### Response:\n')
  return parts.join('\n\n')
}
