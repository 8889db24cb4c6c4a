/**
 * README.md of an exported model: what it is, who made it out of what, how good it is, how to use
 * it. Names in it were chosen by others, so none of their characters is taken for markup.
 */

import { basename } from 'node:path'
import { stringify } from 'yaml'
import type { AdapterShape } from '../../kernels/index.ts'
import type { Digest } from '../../protocol/index.ts'
import { counted, scoreWords } from '../../protocol/index.ts'
import { COMMAND } from '../command.ts'
import { parseReference } from '../hub/reference.ts'
import type { ExportFormat } from './formats.ts'
import { escaped } from './markdown.ts'
import type { RunSummary, Takeaway, WrittenModel } from './takeaway.ts'
import { usageOf } from './usage.ts'

/** Rows of a table; of more contributors the rest is one row, of more rounds some are left out. */
const CONTRIBUTORS_SHOWN_MAX = 50
const EVALUATIONS_SHOWN_MAX = 20

interface Front {
  relation: 'adapter' | 'finetune'
  library?: string
  tags: readonly string[]
}

/** What the hub is told of each format. */
const FRONT: Readonly<Record<ExportFormat, Front>> = {
  peft: { relation: 'adapter', library: 'peft', tags: ['lora'] },
  'gguf-lora': { relation: 'adapter', tags: ['lora', 'gguf'] },
  merged: { relation: 'finetune', library: 'transformers', tags: [] },
  'merged-gguf': { relation: 'finetune', tags: ['gguf'] },
}

const ADAPTER_ROW = 'adapter in the journal'

/** The digest of the adapter that a card is of; null: it names none. */
export function adapterOnCard(card: string): Digest | null {
  const [, digest] = new RegExp(`^\\| ${ADAPTER_ROW} \\| \`([0-9a-f]{64})\``, 'm').exec(card) ?? []
  return digest ?? null
}

interface Card extends Pick<Takeaway, 'run' | 'adapter'>, WrittenModel {
  /** Whether a chat template lies beside it in a file of its own. */
  hasTemplate: boolean
  /** The address of what the run published; left out: the card's reader has to know it. */
  proof?: string | undefined
}

export function modelCard(format: ExportFormat, card: Card): string {
  const { run, adapter, weights, path, digest, hasTemplate } = card
  const what = FRONT[format].relation === 'adapter' ? 'A LoRA adapter for' : 'A fine-tune of'
  const people = counted(run.contributors.length, 'volunteer')
  const rounds = counted(run.rounds, 'round')
  return `---
${frontMatter(format, run)}---

# ${escaped(run.name)}

${what} ${escaped(run.base.name)}, trained by ${people} in ${rounds} with barnraise.

## How good it is

${evaluationTable(run)}
${scoreText(run)}
## How it was made

${table([
  ['', ''],
  ...(run.start === null ? [] : [['begins with', run.start]]),
  ['text', `${escaped(run.dataset.name)}, ${sequencesOf(run)} to train on`],
  ['held out', `${run.dataset.heldOutTokens} learned tokens, which no volunteer trained on`],
  ['tokens trained on', String(tokensOf(run))],
  ['rank, alpha', `${adapter.adapterRank}, ${adapter.alpha}`],
  ...adapterRows(adapter),
  ['targets', adapter.targets.join(', ')],
  ['type of the weights', weights],
  [
    'what is averaged',
    `${run.training.mode}, ${counted(run.training.batchSequences, 'sequence')} a batch`,
  ],
  ['learning rate', `${run.training.learningRate}, ${run.training.schedule}`],
  ...methodRows(run),
  ['run', `\`${run.runId}\``],
  [`${basename(path)}, SHA-256`, `\`${digest}\``],
  [ADAPTER_ROW, `\`${run.adapterDigest}\`, of its float32 scalars`],
  ['base weights, SHA-256', `\`${run.base.digest}\``],
])}

## Who made it

${contributorTable(run)}

## Check it

${checkOf(format, card)}

## Use it

${usageOf(format, { run, adapter, hasTemplate })}`
}

/** What is not so in every adapter; layers that have the same of their own share a row. */
function adapterRows({
  layers,
  scaling,
  variant,
  exceptions = [],
}: AdapterShape): [string, string][] {
  const own = Map.groupBy(exceptions, (one) => `${one.target} ${one.adapterRank} ${one.alpha}`)
  return [
    ...(scaling === 'rslora' ? [['scaled by', 'alpha / √rank'] as [string, string]] : []),
    ...(variant === 'dora' ? [['magnitudes', 'learned (DoRA)'] as [string, string]] : []),
    ...(layers ? [['layers', layers.join(', ')] as [string, string]] : []),
    ...[...own.values()].map((all): [string, string] => {
      const { target, adapterRank, alpha } = all[0]!
      const where = all.map(({ layer }) => layer).join(', ')
      return [`rank, alpha of ${target} in layer ${where}`, `${adapterRank}, ${alpha}`]
    }),
  ]
}

function methodRows({ training }: RunSummary): [string, string][] {
  const { rateRatio, dropout, embeddingNoise, preference } = training
  const rows: [string, number | string | undefined][] = [
    ['learned from rated answers by', preference?.loss],
    [preference?.loss === 'orpo' ? 'lambda' : 'beta', preference?.beta],
    ['label smoothing', preference?.labelSmoothing],
    ['gamma', preference?.targetMargin],
    ["weight of the chosen answer's own loss", preference?.chosenWeight],
    ['weight of desirable answers', preference?.desirableWeight],
    ['weight of undesirable answers', preference?.undesirableWeight],
    ['learning rate of B, over that of A (LoRA+)', rateRatio],
    ['dropout before A', dropout],
    ['alpha of the noise on embeddings (NEFTune)', embeddingNoise],
  ]
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]))
}

/** How a reader re-derives the adapter. */
function checkOf(format: ExportFormat, { run, proof }: Card): string {
  const { runId, coordinator, adapterDigest } = run
  const known = coordinator === null ? '' : ` --coordinator ${coordinator}`
  const held = format === 'peft' ? ' --export .' : ''
  const place =
    proof === undefined
      ? 'and the folder or the address of the published run in place of RUN'
      : 'in a copy of this repository'
  return `Every round can be merged again from the payloads of the volunteers, and gives the adapter
\`${adapterDigest}\`.
With barnraise in a terminal, ${place}:

\`\`\`sh
${COMMAND} verify ${proof ?? 'RUN'} --run ${runId}${known}${held}
\`\`\`

With \`--replay\` every step that counted is trained again, too. Whether the run and its
coordinator are those that you were told of is yours to compare: nothing else is to be trusted.`
}

/** The Hub takes no card with a base that is no name there, or a licence that it does not list. */
function frontMatter(format: ExportFormat, { base }: RunSummary): string {
  const { relation, library, tags } = FRONT[format]
  const isOfHub = parseReference(base.name, 'models')?.id === base.name
  const isListed = /^[a-z0-9][a-z0-9.-]*$/.test(base.license)
  return stringify({
    ...(library === undefined ? {} : { library_name: library }),
    ...(isOfHub ? { base_model: base.name, base_model_relation: relation } : {}),
    ...(isListed ? { license: base.license } : { license: 'other', license_name: base.license }),
    pipeline_tag: 'text-generation',
    tags: [...tags, 'barnraise'],
  })
}

function evaluationTable({ evaluations, dataset, rounds, start, training }: RunSummary): string {
  const known = new Map(evaluations.map((one) => [one.round, one]))
  const { preference } = training
  const every = Math.ceil(known.size / EVALUATIONS_SHOWN_MAX)
  const shown = [...known.keys()].filter((round, i) => i % every === 0 && round < rounds)
  const rows = [...new Set([0, ...shown, rounds])].map((round) => {
    const first = start === null ? 'base' : 'before round 1'
    const name = round === 0 ? first : `after round ${round}`
    const one = known.get(round)
    if (one === undefined) return [name, 'not measured', ...(preference ? ['', ''] : [''])]
    const { loss, accuracy = 0, margin = 0 } = one
    return preference === undefined
      ? [name, loss.toFixed(4), Math.exp(loss).toFixed(2)]
      : [name, loss.toFixed(4), `${(100 * accuracy).toFixed(1)} %`, margin.toFixed(4)]
  })
  const of = `on ${dataset.heldOutTokens} held-out tokens`
  const head =
    preference === undefined
      ? [of, 'nats per token', 'perplexity']
      : [of, `${preference.loss} loss`, 'accuracy', 'margin']
  return table([head, ...rows])
}

/** The first adapter that has scores, and the latest of those up to the one that is exported. */
function scoreText({ scores }: RunSummary): string {
  const shown = [...new Set([scores[0], scores.at(-1)])].filter((each) => each !== undefined)
  if (shown.length === 0) return ''
  const words = shown.map((each) => {
    const when = each.round === 0 ? 'before round 1' : `after round ${each.round}`
    return `- ${when}: ${scoreWords(each)}`
  })
  const head = 'On questions and prompts of its organiser, which were held out:'
  return `\n${[head, '', ...words].join('\n')}\n`
}

function contributorTable(run: RunSummary): string {
  const shown = run.contributors.slice(0, CONTRIBUTORS_SHOWN_MAX)
  const others = run.contributors.slice(CONTRIBUTORS_SHOWN_MAX)
  const rest = {
    name: `and ${others.length} more`,
    tokens: others.reduce((sum, { tokens }) => sum + tokens, 0),
    contributions: others.reduce((sum, { contributions }) => sum + contributions, 0),
  }
  const rows = others.length === 0 ? shown : [...shown, rest]
  return table([
    ['volunteer', 'tokens', 'contributions'],
    ...rows.map(({ name, tokens, contributions }) => [
      escaped(name),
      String(tokens),
      String(contributions),
    ]),
  ])
}

const sequencesOf = ({ dataset }: RunSummary) =>
  `${counted(dataset.trainSequences, 'sequence')} of ${counted(dataset.sequenceLength, 'token')}`

const tokensOf = (run: RunSummary) => run.contributors.reduce((sum, { tokens }) => sum + tokens, 0)

/** The first row is the head. */
function table([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head!), `|${'---|'.repeat(head!.length)}`, ...rows.map(line)].join('\n')
}
