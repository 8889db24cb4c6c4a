/**
 * `npm run bench`: our kernels against others on this machine, in one run. CPU time of one thread
 * unless a line says otherwise; medians of interleaved rounds; ratios first.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { installEngines } from './engines.ts'
import { markdownOf, withTable } from './report.ts'
import { measureAll, type Options } from './sections.ts'

const RECORD = fileURLToPath(new URL('../../docs/kernels.md', import.meta.url))

const program = new Command('bench')
  .description('Measures the kernels against other engines on this machine, in turn.')
  .option('--json', 'print one object instead of Markdown', false)
  .option('--quick', 'three products, steps reckoned from few layers: a minute', false)
  .option('--record', 'put the tables into docs/kernels.md', false)
  .option('--rounds <count>', 'rounds among the contestants (default: 9, quick 1)')
  .addHelpText(
    'after',
    `
onnxruntime-web and tfjs are installed into test/bench the first time. OpenBLAS (by numpy) and
PyTorch are asked through the Python in BENCH_PYTHON, or python3. Whatever is missing is skipped
with a line, and its figures are null.

A figure under vsX is how many times as fast ours is as X: seconds of X / seconds of ours. With
--quick, peakBytes is what the plan says, since no whole model is run.`,
  )
  .parse()
const { json, quick, record, rounds } = program.opts<{
  json: boolean
  quick: boolean
  record: boolean
  rounds?: string
}>()

const said = new Set<string>()
const say = (line: string) => process.stderr.write(`${line}\n`)
const options: Options = {
  isQuick: quick,
  rounds: Number(rounds ?? (quick ? 1 : 9)),
  interpreter: process.env.BENCH_PYTHON ?? 'python3',
  say,
  skipped(name, reason) {
    if (!said.has(name)) say(`${name} is skipped: ${reason}`)
    said.add(name)
  },
}
if (!Number.isSafeInteger(options.rounds) || options.rounds < 1) {
  say(`Cannot measure as '--rounds' must be a positive integer: current value is ${rounds}`)
  process.exit(2)
}

installEngines()
const { figures, products } = await measureAll(options)
const markdown = markdownOf(figures, products)
console.log(json ? JSON.stringify(figures, null, 2) : markdown)
if (record) writeFileSync(RECORD, withTable(readFileSync(RECORD, 'utf8'), markdown))
