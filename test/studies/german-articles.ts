/**
 * A narrow task, learned by a small model in a swarm, against a larger model that was not taught
 * it: der, die or das? Nouns of the PyPI package `german_nouns` (Wiktionary, CC BY-SA 4.0), of
 * which 500 are held out; the embedded base of 2.4 million parameters, tuned by a host and three
 * volunteers, each a process of its own; and a larger model as it is, shown twelve nouns with their
 * articles before each question. Right is whose right article is the likeliest of the three.
 * `npx tsx test/studies/german-articles.ts NOUNS.csv MODEL [STEPS] [RATE] [SEED]`
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../../node/cli/child.ts'
import { type OpenedRun, openRun } from '../../node/run/open-run.ts'
import { freshState, replay } from '../../node/run/replay.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { readSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { type Question, scoreChoices } from '../../node/text/evaluate-text.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession } from '../../node/text/text-session.ts'
import { prng, shuffle } from '../../protocol/prng.ts'

const [ASKED, SHOWN, VOLUNTEERS] = [500, 12, 3]
const MACHINE = ['--dedicated', '--threads', '1', '--memory', '1GB']
const ARTICLES: Readonly<Record<string, string>> = { m: 'der', f: 'die', n: 'das' }
const CHOICES = Object.values(ARTICLES).map((article) => ` ${article}`)

const [csv, model, steps = '1500', rate = '0.003', seed = '1'] = process.argv.slice(2)
if (csv === undefined || model === undefined) throw new Error('Give NOUNS.csv MODEL')

interface Noun {
  word: string
  article: string
}

/** One word, with a capital, that is a noun of one gender and nothing else: lemma, kind, gender. */
const LINE = /^([A-ZÄÖÜ][a-zäöüß]{2,}),Substantiv,([mfn]),/gm
const text = await readFile(csv, 'utf8')
const found = new Map(Array.from(text.matchAll(LINE), ([, word, gender]) => [word!, gender!]))
const nouns: Noun[] = Array.from(found, ([word, gender]) => ({ word, article: ARTICLES[gender]! }))
shuffle(prng(Number(seed)), nouns)
const [asked, learned] = [nouns.slice(0, ASKED), nouns.slice(ASKED)]
const promptOf = ({ word }: Noun) => `${word}:`
const questionOf = (noun: Noun, before = ''): Question => ({
  prompt: `${before}${promptOf(noun)}`,
  choices: CHOICES,
  answer: CHOICES.indexOf(` ${noun.article}`),
})

const count = (all: Noun[], article: string) =>
  all.filter((noun) => noun.article === article).length
const prior = Math.max(...Object.values(ARTICLES).map((article) => count(asked, article))) / ASKED
console.log(`${learned.length} nouns to learn, ${ASKED} asked; the commonest article: ${prior}`)

const folder = await mkdtemp(join(tmpdir(), 'barnraise-articles-'))
try {
  await tuned()
  await untuned()
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function tuned(): Promise<void> {
  const lines = (rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n')
  const rows = learned.map((noun) => ({ prompt: promptOf(noun), completion: ` ${noun.article}` }))
  await writeFile(join(folder, 'nouns.jsonl'), lines(rows))
  await writeFile(join(folder, 'asked.jsonl'), lines(asked.map((noun) => questionOf(noun))))
  const yaml = join(folder, 'run.yaml')
  await writeFile(
    yaml,
    `name: articles
datasets: [{ path: nouns.jsonl }]
eval_choices: { path: asked.jsonl }
eval_every: 4
eval_spread: true
sequence_len: 256
micro_batch_size: 4
max_steps: ${steps}
learning_rate: ${rate}
lora_r: 32
seed: ${seed}
swarm: { round_seconds: 30 }
`,
  )
  const root = join(folder, 'run')
  const host = startChild<{ type: string; link: string }>(['host', yaml, '--out', root])
  const link = await new Promise<string>((resolve, reject) => {
    host.onMessage((fact) => {
      if (fact.type === 'ready') resolve(fact.link)
    })
    void host.exited.then(() => reject(new Error(host.complaints())))
  })
  const homes = Array.from({ length: VOLUNTEERS }, (_, index) => join(folder, `home-${index}`))
  const volunteers = homes.map((home) => startChild(['join', link, '--cache', home, ...MACHINE]))
  await host.exited
  await Promise.all(volunteers.map(({ exited }) => exited))
  const run = await openRun(runFolder(root))
  const { state } = run
  console.log(`embedded base, 2.4M: acc ${state.scores[0]!.acc}`)
  for (const { round, acc } of state.scores.slice(1)) console.log(`after ${round} rounds: ${acc}`)
  const hours = trainedMs(run) / 3_600_000
  console.log(`${state.batchesCounted} steps of 1,024 tokens took ${hours} hours of a volunteer`)
}

/** What the steps took that were committed. */
function trainedMs({ config, runId, folder: { journal: path } }: OpenedRun): number {
  const journal = readSqliteJournal(path, runId)
  let ms = 0
  replay(freshState(config, runId), journal, (event) => {
    if (event.type !== 'request' || event.request.type !== 'commit') return
    const { steps: done, stepMs } = event.request.contribution
    ms += done * stepMs
  })
  journal.close()
  return ms
}

async function untuned(): Promise<void> {
  const shown = learned.slice(0, SHOWN)
  const before = shown.map((noun) => `${promptOf(noun)} ${noun.article}\n`).join('')
  const session = await openTextSession(await openTextModel({ model }))
  const questions = asked.map((noun) => questionOf(noun, before))
  const { acc } = await scoreChoices(session, 'base', questions)
  console.log(`${session.model.name}, untuned: acc ${acc}`)
  await session.close()
}
