/** A run.yaml with a word on each key, to be read and changed by whoever hosts the run. */
import { stringify } from 'yaml'
import type { z } from 'zod'
import type { runYamlSchema } from './run-yaml.ts'

export type RunYamlInput = z.input<typeof runYamlSchema>

/** What each key is for, in the order in which they are written. */
const NOTES: readonly [key: keyof RunYamlInput, note: string][] = [
  ['name', 'how volunteers see the run'],
  ['base_model', 'embedded, a folder, a .gguf file, or org/name of the Hub'],
  ['load_in_8bit', 'the base in 8 bits: half the memory, faster'],
  ['load_in_4bit', 'the base in 4 bits: a quarter of the memory'],
  ['datasets', 'what it learns; `barnraise data preview` shows it'],
  ['chat_template', 'how conversations are written'],
  ['sample_packing', 'texts stay whole, side by side in a sequence'],
  ['excess_length_strategy', 'examples that are longer than a sequence: drop or truncate'],
  ['val_set_size', 'share that is held out, to tell whether it learns'],
  ['sequence_len', 'tokens that are seen at a time'],
  ['adapter', ''],
  ['lora_r', 'rank: more learns more, and takes more to send'],
  ['lora_alpha', 'the adapter is scaled by lora_alpha / lora_r'],
  ['lora_target_modules', 'linear layers that get one'],
  ['micro_batch_size', 'sequences at a time'],
  ['gradient_accumulation_steps', 'micro-batches of one local step'],
  ['num_epochs', 'how often all of the data is seen'],
  ['max_steps', 'local steps of the whole run, whoever does them'],
  ['learning_rate', ''],
  ['lr_scheduler', 'constant, linear or cosine'],
  ['warmup_ratio', 'share of the run with a rising rate'],
  ['weight_decay', ''],
  ['max_grad_norm', ''],
  ['adam_beta1', ''],
  ['adam_beta2', ''],
  ['adam_epsilon', ''],
  ['seed', ''],
  ['output_dir', 'where the run is kept'],
  ['swarm', 'how volunteers work together'],
]

/**
 * @param schema where the schema of run.yaml is, for editors that check while one writes
 * @param head lines of a comment above all
 */
export function writeRunYaml(
  input: RunYamlInput,
  schema: string,
  head: readonly string[] = [],
): string {
  const parts = NOTES.flatMap(([key, note]) => {
    const value = input[key]
    if (value === undefined) return []
    const text = stringify({ [key]: value }, { lineWidth: 0 }).trimEnd()
    return [note === '' ? text : `# ${note}\n${text}`]
  })
  return [
    `# yaml-language-server: $schema=${schema}`,
    ...head.map((line) => `# ${line}`.trimEnd()),
    '',
    `${parts.join('\n')}\n`,
  ].join('\n')
}
