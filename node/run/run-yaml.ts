/**
 * `run.yaml`: what an organiser writes. Keys are axolotl's where the meaning is the same; what
 * belongs to the swarm stands under `swarm:`. Every key is checked, and an error says where: file,
 * line and column.
 */
import { readFile } from 'node:fs/promises'
import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { ConfigError } from '../../protocol/errors.ts'
import * as limits from '../../protocol/limits.ts'
import { columns } from '../dataset/columns.ts'
import { KINDS } from '../dataset/kinds.ts'
import { nearest } from './nearest.ts'

const MODULES = {
  q_proj: 'q',
  k_proj: 'k',
  v_proj: 'v',
  o_proj: 'o',
  gate_proj: 'gate',
  up_proj: 'up',
  down_proj: 'down',
} as const
export const moduleNames = Object.keys(MODULES) as (keyof typeof MODULES)[]

const fraction = z.number().min(0).max(1)
const codec = z.enum(['float32', 'int8', 'int4'])
const count = (max: number) => z.number().int().min(1).max(max)
const seconds = z.number().min(0).max(86_400)

const swarm = z
  .strictObject({
    aggregation: z.enum(['delta', 'gradient']).default('delta'),
    rounds: count(limits.ROUNDS_MAX).default(50),
    round_seconds: seconds.min(1).default(120),
    grace_seconds: seconds.min(0.1).default(12),
    rejoin_seconds: seconds.default(20),
    round_batches: count(limits.BATCHES_MAX).default(limits.BATCHES_MAX),
    lease_steps_min: count(limits.STEPS_MAX).default(4),
    lease_steps_max: count(limits.STEPS_MAX).default(64),
    quorum: fraction.default(0.5),
    outer_learning_rate: z.number().min(0).max(10).default(0.7),
    outer_momentum: z.number().min(0).max(0.9999).default(0.6),
    uplink: codec.default('int4'),
    downlink: codec.default('int8'),
    weight_cap: z.number().min(1).default(3),
    norm_clip: z.number().min(0.1).default(2),
    members_max: count(limits.MEMBERS_MAX).default(1_000),
  })
  .prefault({})

const dataset = z.strictObject({
  path: z.string().min(1),
  type: z.enum(KINDS).optional(),
  ...columns,
})

const keys = z.strictObject({
  name: z.string().min(1).max(limits.NAME_LENGTH_MAX),
  base_model: z.string().min(1).default('embedded'),
  load_in_8bit: z.boolean().default(false),
  load_in_4bit: z.boolean().default(false),
  datasets: z.array(dataset).min(1),
  chat_template: z.string().min(1).default('tokenizer_default'),
  sample_packing: z.boolean().default(false),
  excess_length_strategy: z.enum(['drop', 'truncate']).default('drop'),
  val_set_size: fraction.default(0.05),
  sequence_len: z.number().int().min(2).max(limits.SEQUENCE_LENGTH_MAX).default(256),
  adapter: z.literal('lora').default('lora'),
  lora_r: count(limits.ADAPTER_RANK_MAX).default(8),
  lora_alpha: z.number().positive().default(16),
  lora_target_modules: z.array(z.enum(moduleNames)).min(1).default(moduleNames),
  micro_batch_size: count(limits.BATCH_SEQUENCES_MAX).default(4),
  gradient_accumulation_steps: count(limits.BATCH_SEQUENCES_MAX).default(1),
  num_epochs: z.number().positive().default(1),
  max_steps: count(limits.BATCHES_MAX).optional(),
  learning_rate: z.number().positive().max(1).default(1e-3),
  lr_scheduler: z.enum(['constant', 'linear', 'cosine']).default('linear'),
  warmup_ratio: fraction.default(0.03),
  weight_decay: fraction.default(0),
  max_grad_norm: z.number().positive().default(1),
  adam_beta1: z.number().min(0).max(0.9999).default(0.9),
  adam_beta2: z.number().min(0).max(0.999999).default(0.99),
  adam_epsilon: z.number().positive().max(1).default(1e-8),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(42),
  output_dir: z.string().min(1).optional(),
  swarm,
})

export const runYamlSchema = keys.refine((yaml) => !(yaml.load_in_8bit && yaml.load_in_4bit), {
  path: ['load_in_4bit'],
  message: 'the base is in 8 bits already, by load_in_8bit',
})

export type RunYaml = z.infer<typeof runYamlSchema>
export type ModuleName = keyof typeof MODULES
export const targetOf = (name: ModuleName) => MODULES[name]

/** @throws ConfigError when the file cannot be read or is not a right run.yaml */
export async function readRunYaml(file: string): Promise<{ source: string; yaml: RunYaml }> {
  let source: string
  try {
    source = await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(
      `Cannot read '${file}': ${(error as Error).message}. Give the path of a run.yaml.`,
    )
  }
  return { source, yaml: parseRunYaml(source, file) }
}

/**
 * @param source the text of the file
 * @param name how errors call the file
 * @throws ConfigError with file:line:column for the first fault and the others below it
 */
export function parseRunYaml(source: string, name: string): RunYaml {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => `${place(error.pos[0])} ${error.message}`)
    throw new ConfigError(faults.join('\n'))
  }
  const result = runYamlSchema.safeParse(document.toJS() ?? {})
  if (result.success) return result.data
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, document, place))
  throw new ConfigError(faults.join('\n'))
}

/** The schema as JSON Schema, for editors. */
export function runYamlJsonSchema(): unknown {
  return z.toJSONSchema(runYamlSchema, { io: 'input' })
}

function faultsOf(
  issue: z.core.$ZodIssue,
  document: Document,
  place: (offset: number) => string,
): string[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const hint = nearest(key, knownKeys(path))
      const where = place(offsetOf(document, path, key))
      const question = hint ? `: did you mean '${hint}'?` : ''
      return `${where} Unknown key '${[...path, key].join('.')}'${question}`
    })
  }
  const given = path.length > 0 ? document.getIn(path) : undefined
  const current = given === undefined ? '' : `: current value is ${JSON.stringify(given)}`
  return [`${place(offsetOf(document, path))} ${path.join('.')}: ${issue.message}${current}`]
}

function knownKeys(path: readonly (string | number)[]): string[] {
  if (path[0] === 'swarm') return Object.keys(swarm.unwrap().shape)
  if (path[0] === 'datasets') return Object.keys(dataset.shape)
  return Object.keys(keys.shape)
}

/**
 * Where in the text a path (or a key of the map it leads to) stands; the nearest parent if it is
 * absent.
 */
function offsetOf(
  document: Document,
  path: readonly (string | number)[],
  key: string | null = null,
): number {
  if (key === null && path.length > 0) {
    const parent = document.getIn(path.slice(0, -1), true)
    const last = path.at(-1)
    const inMap = pairOffset(parent, last)
    if (inMap !== null) return inMap
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined
    return node?.range?.[0] ?? (path.length > 1 ? offsetOf(document, path.slice(0, -1)) : 0)
  }
  const map = path.length === 0 ? document.contents : document.getIn(path, true)
  return pairOffset(map, key) ?? 0
}

/**
 * The offset of the value at `key`; for an unknown key (asked with its own map) that of the key
 * itself.
 */
function pairOffset(map: unknown, key: unknown): number | null {
  if (!isMap(map)) return null
  const pair = map.items.find((item) => (item.key as { value?: unknown }).value === key)
  return (pair?.key as { range?: [number, number, number] } | undefined)?.range?.[0] ?? null
}
