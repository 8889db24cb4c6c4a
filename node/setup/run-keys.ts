/**
 * The keys of run.yaml: what each may be, what it is when it is left out, and what it means. This
 * table is the only one: the parser, the JSON Schema for editors and docs/run-yaml.md come from it.
 * Bounds are those of RunConfig, so that what passes here is what a run can be.
 */
import { z } from 'zod'
import { ALLOWED_MAX, NAME_LENGTH_MAX, runConfigSchema } from '../../protocol/index.ts'
import { columns } from '../dataset/columns.ts'
import { isTemplate, TEMPLATE_NAMES } from '../model/named-templates.ts'
import { PEER_ID } from '../network/peer-id.ts'
import { adapterFaults, adapterKeys } from './adapter-keys.ts'
import { datasetKeys } from './dataset-keys.ts'
import { mirrorList } from './mirror-list.ts'
import { preferenceFaults, preferenceKeys } from './preference-keys.ts'
import { choiceKeys, generateKeys, scoringFaults, scoringKeys } from './scoring-keys.ts'
import { within } from './within.ts'

const { training, round, outer, aggregation, admission, audit, dataset, seed } =
  runConfigSchema.fields

const share = z.number().min(0).max(1)

const auditKeys = z.strictObject({
  q_full: within(audit.fields.fullShare)
    .default(0.045)
    .describe(
      'Share of contributions that somebody else repeats in full, of those who were found right ' +
        'some times; of others more.',
    ),
  q_look: within(audit.fields.lookShare)
    .default(0.25)
    .describe('Share of the others of which the first step is repeated, now and then more.'),
  own_share: within(audit.fields.ownShare)
    .default(0.1)
    .describe(
      'Share of its time for which the host repeats work where no volunteer is to be had for it.',
    ),
})

const swarmKeys = z.strictObject({
  aggregation: z
    .enum(training.fields.mode.allowed)
    .default('delta')
    .describe(
      '`delta`: volunteers take steps of their own, and what those changed is averaged. ' +
        '`gradient`: gradients are averaged, for one step a round: what one machine with all of ' +
        'the batch would do, but for the rounding of sums.',
    ),
  rounds: within(training.fields.roundsMax.inner)
    .nullable()
    .default(null)
    .describe(
      'The run ends after so many rounds, even where `num_epochs` or `max_steps` is not reached; ' +
        '`null`: they alone end it.',
    ),
  round_seconds: within(round.fields.seconds)
    .default(120)
    .describe('Seconds in which work of a round is handed out: fast machines do more steps in it.'),
  grace_seconds: within(round.fields.graceSeconds)
    .default(12)
    .describe('Seconds after that in which finished work may still come in.'),
  rejoin_seconds: within(round.fields.rejoinSeconds)
    .default(20)
    .describe('Seconds for which a volunteer whose connection broke keeps its lease.'),
  round_batches: within(round.fields.batchesMax)
    .default(round.fields.batchesMax.max)
    .describe('A round hands out so many batches at most; as it is, its time is the only limit.'),
  lease_steps_min: within(round.fields.stepsMin)
    .default(4)
    .describe('Local steps that a lease has at least.'),
  lease_steps_max: within(round.fields.stepsMax)
    .default(64)
    .describe('Local steps that a lease has at most.'),
  hold_share: within(round.fields.holdShare)
    .default(0.1)
    .describe(
      'Share of a round that volunteers of one address who have yet to deliver anything may hold ' +
        'together. A lease of anybody is no larger, or than an equal share where fewer are here.',
    ),
  quorum: within(round.fields.quorumFraction)
    .default(0.5)
    .describe('A round is merged when this share of what it handed out is in and its time is up.'),
  outer_learning_rate: within(outer.fields.learningRate)
    .default(0.7)
    .describe('Step size by which the averaged delta is applied; 1 takes it as it is.'),
  outer_momentum: within(outer.fields.momentum)
    .default(0.6)
    .describe('Nesterov momentum of those steps; 0: none.'),
  uplink: z
    .enum(aggregation.fields.uplink.allowed)
    .optional()
    .describe(
      'How precisely volunteers send what they did; left out: `int4`, an eighth of `float32`, ' +
        'for deltas, and `float32` for gradients.',
    ),
  downlink: z
    .enum(aggregation.fields.downlink.allowed)
    .optional()
    .describe(
      'How precisely the next adapter is sent to them; left out: `int8` for deltas, and ' +
        '`float32` for gradients.',
    ),
  merge: z
    .enum(aggregation.fields.merge.allowed)
    .default('mean')
    .describe(
      'How contributions become one: their `mean` by tokens, or `trimmed`, without a tenth of ' +
        'the weight at either end of each number. A mean goes over to it while audits fail.',
    ),
  weight_cap: within(aggregation.fields.weightCap)
    .default(3)
    .describe('A contribution counts so many times the median one at most.'),
  norm_clip: within(aggregation.fields.normClip)
    .default(2)
    .describe('What changes more than so many times the median is scaled down to that.'),
  gate: within(aggregation.fields.gate.inner)
    .nullable()
    .default(0.05)
    .describe(
      'A merge that raises the held-out loss by more than this share is not published: its work ' +
        'is repeated, and the round is done again if that mends nothing; three of them in a row ' +
        'stop the run. `null`: all are published.',
    ),
  admission: z
    .enum(admission.fields.kind.allowed)
    .default('link')
    .describe(
      'Who may join. `link`: whoever holds the link of the run, or an invite. `invites`: whoever ' +
        'holds an invite, of those that `barnraise invite` makes. `open`: whoever finds it.',
    ),
  allow_list: z
    .array(z.string().regex(PEER_ID, 'must be the id of a peer, as 12D3KooW…'))
    .max(ALLOWED_MAX)
    .optional()
    .describe(
      'Ids of the peers that may take part, and nobody else but whom `barnraise allow` adds; ' +
        'left out: all who are let in otherwise.',
    ),
  members_max: within(admission.fields.membersMax)
    .default(1_000)
    .describe(
      'Volunteers at the same time; one more hears that the run is full, until a place is free.',
    ),
  block_members_max: within(admission.fields.blockMembersMax.inner)
    .nullable()
    .optional()
    .describe(
      'So many of them from one block of addresses (of IPv4 a /24, of IPv6 a /48), where ' +
        'addresses are known; left out: 16 where `trust` is `strangers`, and no limit elsewhere. ' +
        '`null`: no limit.',
    ),
  trust: z
    .enum(audit.fields.trust.allowed)
    .default('friends')
    .describe(
      'Whose work is repeated by others, and compared bit for bit. `friends`: that of a newcomer ' +
        "first, then a share of everybody's, while nothing waits for it. `strangers`: all of a " +
        "newcomer's, before it counts, then ever less. `everyone`: nobody's.",
    ),
  audit: auditKeys.prefault({}).describe('How much of the work is repeated.'),
})

const keys = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(NAME_LENGTH_MAX)
    .regex(/^(?!\.+$)[^/\\]*$/, "must name a folder in 'runs/': leave slashes out")
    .describe('How volunteers see the run, and its folder in `runs/` is called.'),
  base_model: z
    .string()
    .min(1)
    .default('embedded')
    .describe(
      'The model that learns: `embedded`, a folder, a .gguf file, or org/name of the Hub, ' +
        'with @revision or :file.gguf after it.',
    ),
  base_mirrors: mirrorList,
  load_in_8bit: z
    .boolean()
    .default(false)
    .describe('The frozen base in 8 bits: half the memory, and faster.'),
  load_in_4bit: z
    .boolean()
    .default(false)
    .describe(
      'The frozen base in blocks of about 5 bits a number, to be fetched and in memory: ' +
        'a third of it as bfloat16.',
    ),
  integer_products: z
    .boolean()
    .default(false)
    .describe(
      'A base that lies in blocks of few bits is multiplied in exact integers: faster, for a ' +
        'little rounding of activations. One in 8 bits always is.',
    ),
  datasets: z
    .array(datasetKeys)
    .min(1)
    .describe('What it learns; `barnraise data preview` shows it.'),
  chat_template: z
    .string()
    .min(1)
    .refine(isTemplate, {
      error: `must be ${TEMPLATE_NAMES.join(', ')}, the path of a .jinja file, or a template`,
    })
    .default('tokenizer_default')
    .describe(
      'How conversations are written: `tokenizer_default` is as the model has it; ' +
        `${TEMPLATE_NAMES.slice(1).join(', ')}, the path of a .jinja file, or a template itself.`,
    ),
  skip_bad_rows: z
    .boolean()
    .default(false)
    .describe('Rows that cannot be read are left out and counted, instead of ending all.'),
  train_on_inputs: z
    .boolean()
    .default(false)
    .describe('What is asked is learned, too: prompts, and the turns of everybody.'),
  sample_packing: z
    .boolean()
    .default(false)
    .describe('Texts stay whole, side by side in a sequence, instead of one long stream.'),
  excess_length_strategy: z
    .enum(['drop', 'truncate'])
    .default('drop')
    .describe('Examples that are longer than a sequence are left out, or lose their end.'),
  dataset_exact_deduplication: z
    .boolean()
    .default(false)
    .describe('Examples that are there already, word for word, are left out and counted.'),
  curriculum_sampling: z
    .boolean()
    .default(false)
    .describe('An epoch goes through the data in its own order, instead of one by `seed`.'),
  val_set_size: share
    .default(0.05)
    .describe('Share that is held out, to tell whether it learns: no volunteer trains on it.'),
  sequence_len: within(dataset.fields.sequenceLength)
    .default(256)
    .describe('Tokens that are seen at a time; memory and time grow with it.'),
  ...preferenceKeys,
  ...adapterKeys,
  micro_batch_size: within(training.fields.microBatch)
    .default(4)
    .describe('Sequences that are computed at a time; memory grows with it.'),
  gradient_accumulation_steps: within(training.fields.batchSequences)
    .default(1)
    .describe('Micro-batches of one local step.'),
  num_epochs: z
    .number()
    .positive()
    .default(1)
    .describe('How often all of the data is seen before the run ends.'),
  max_steps: within(training.fields.batchesMax)
    .optional()
    .describe('Local steps of the whole run, whoever does them; overrules `num_epochs`.'),
  early_stopping_patience: within(training.fields.roundsMax.inner)
    .optional()
    .describe(
      'The run ends after so many measured rounds none of which is the best so far; the best ' +
        'round is kept in any case. Left out: it goes on.',
    ),
  ...scoringKeys,
  learning_rate: within(training.fields.learningRate)
    .positive({ error: 'must be above 0' })
    .default(1e-3)
    .describe('Step size of AdamW in local steps, at its highest.'),
  loraplus_lr_ratio: within(training.fields.rateRatio.inner)
    .default(1)
    .describe(
      'LoRA+: the matrices B of the adapter learn so many times faster than the matrices A; its ' +
        'authors take 16, with a lower `learning_rate`.',
    ),
  neftune_noise_alpha: z
    .union([z.literal(0), within(training.fields.embeddingNoise.inner)])
    .default(0)
    .describe(
      'NEFTune: noise on the embeddings in training, uniform within alpha / √(tokens · hidden ' +
        'size) of a sequence; 0: none.',
    ),
  lr_scheduler: z
    .enum(training.fields.schedule.allowed)
    .default('linear')
    .describe('How the learning rate falls over the run: not, or to `cosine_min_lr_ratio` of it.'),
  cosine_min_lr_ratio: within(training.fields.finalFraction)
    .default(0.1)
    .describe(
      'The share of `learning_rate` that it ends at, whether it falls by a cosine or in a line.',
    ),
  warmup_ratio: within(training.fields.warmupFraction)
    .default(0.03)
    .describe(
      'Share of the run in which the learning rate rises. A round has one rate, so it rises only ' +
        'where `round_batches` makes rounds smaller than the run.',
    ),
  weight_decay: within(training.fields.weightDecay)
    .default(0)
    .describe(
      'How strongly AdamW pulls the adapter to zero; the magnitudes of DoRA, to those of the base.',
    ),
  max_grad_norm: within(training.fields.gradientClip)
    .default(1)
    .describe('Gradients that are longer are scaled down to this length.'),
  adam_beta1: within(training.fields.beta1)
    .default(0.9)
    .describe("How long Adam's mean of gradients remembers."),
  adam_beta2: within(training.fields.beta2)
    .default(0.99)
    .describe("How long Adam's mean of their squares remembers."),
  adam_epsilon: within(training.fields.epsilon)
    .default(1e-8)
    .describe('Keeps Adam from dividing by zero.'),
  seed: within(seed)
    .default(42)
    .describe('Decides the order of the data, what is held out, and where the adapter starts.'),
  output_dir: z
    .string()
    .min(1)
    .optional()
    .describe('The folder of the run; left out: `runs/NAME` beside run.yaml.'),
  swarm: swarmKeys.prefault({}).describe('How volunteers work together.'),
})

export const runYamlSchema = keys
  .refine((yaml) => !(yaml.load_in_8bit && yaml.load_in_4bit), {
    path: ['load_in_4bit'],
    message: 'the base is in 8 bits already, by load_in_8bit',
  })
  .superRefine(({ train_on_inputs: isAll, datasets }, { addIssue }) => {
    for (const [i, { roles_to_train: roles }] of datasets.entries()) {
      if (!isAll || roles === undefined) continue
      const message = "must be left out, as 'train_on_inputs: true' learns the turns of everybody"
      addIssue({ code: 'custom', path: ['datasets', i, 'roles_to_train'], message, input: roles })
    }
  })
  .superRefine((yaml, { addIssue }) => {
    const faults = [...adapterFaults(yaml), ...preferenceFaults(yaml), ...scoringFaults(yaml)]
    for (const { path, message, input } of faults) {
      addIssue({ code: 'custom', path: [...path], message, input })
    }
  })

/** What the keys of `swarm` are where they are left out. */
export const SWARM_DEFAULTS = swarmKeys.parse({})

/** What a run.yaml says, with its defaults. */
export type RunYaml = z.infer<typeof runYamlSchema>
/** What has to be written of it. */
export type RunYamlInput = z.input<typeof runYamlSchema>

/** The way to a key from the top of the file down: `['swarm', 'rounds']`. */
export type KeyPath = readonly (string | number)[]

/** The keys that the map at `path` knows. */
export const knownKeys = (path: KeyPath): string[] => Object.keys(shapeAt(path))

/** What the key at the end of `path` means; null: it does not say. */
export const meaningOf = (path: KeyPath): string | null =>
  shapeAt(path.slice(0, -1))[String(path.at(-1))]?.description ?? null

/** A number in a path is a place in a list, whose items are all alike. */
function shapeAt([first, second, third]: KeyPath): Readonly<Record<string, z.ZodType>> {
  if (first === 'swarm') return second === 'audit' ? auditKeys.shape : swarmKeys.shape
  if (first === 'eval_choices') return choiceKeys.shape
  if (first === 'eval_generate') return generateKeys.shape
  if (first !== 'datasets') return keys.shape
  return third === 'message_property_mappings'
    ? columns.message_property_mappings.unwrap().shape
    : datasetKeys.shape
}

/** The keys of the file in the order in which they are written, and what each means. */
export function meanings(): [key: keyof RunYamlInput, meaning: string][] {
  return Object.entries(keys.shape).map(([key, schema]) => [
    key as keyof RunYamlInput,
    schema.description!,
  ])
}
