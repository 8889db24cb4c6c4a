/**
 * `npm run bench:blocks`: products of the matrices of an 8B layer that a file has in blocks of
 * Q4_K, with 512 rows of activations, against OpenBLAS in float32 on as many threads: widened from
 * the blocks, on the integer path, and on that of the int8 that `load_in_8bit` makes of them. All
 * are asked in turn, one product at a time, and what is told is the ratio within each round: CPU
 * time on one thread, the wall's on two.
 */
import { Command } from 'commander'
import { type BlockRow, blockFigures, measureBlocks, type Ratio } from './block-figures.ts'
import { quartiles } from './contest.ts'

const program = new Command('bench:blocks')
  .description('Measures products with a matrix in blocks of Q4_K against OpenBLAS in float32.')
  .option('--rounds <count>', 'rounds of products, for each shape, direction and thread count', '9')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
OpenBLAS (by numpy) is asked through the Python in BENCH_PYTHON, or python3. A ratio is how many
times as fast ours is: seconds of OpenBLAS / seconds of ours, the quartiles of all rounds.`,
  )
  .parse()
const { rounds, json } = program.opts<{ rounds: string; json?: boolean }>()
const say = (line: string) => process.stderr.write(`${line}\n`)
const rows = await measureBlocks({
  rounds: Number(rounds),
  interpreter: process.env.BENCH_PYTHON ?? 'python3',
  say,
  skipped: (name, reason) => say(`${name} is skipped: ${reason}`),
})
if (json) console.log(JSON.stringify({ q4k: blockFigures(rows), rows }))
else {
  console.log('| T,O,I | threads | GF/s widened | widened x openblas | integer | int8 |')
  console.log('| --- | --- | --- | --- | --- | --- |')
  for (const row of rows) console.log(lineOf(row))
  const all = (of: Ratio) => rows.flatMap((row) => row[of] ?? [])
  console.log(
    `\nQuartiles of all: widened ${spread(all('vsOpenblas'))}, ` +
      `integer ${spread(all('integerVsOpenblas'))}, int8 ${spread(all('int8VsOpenblas'))}`,
  )
}

function lineOf(row: BlockRow): string {
  const { form, T, O, I, threads, gflops } = row
  const product = `${form === 'nt' ? 'x·Wᵀ' : 'dy·W'} ${T},${O},${I}`
  const ratios = [row.vsOpenblas, row.integerVsOpenblas, row.int8VsOpenblas].map(spread).join(' | ')
  return `| ${product} | ${threads} | ${gflops.toFixed(0)} | ${ratios} |`
}

function spread(ratios: readonly number[] | null): string {
  if (ratios === null || ratios.length === 0) return '-'
  return quartiles(ratios)
    .map((ratio) => ratio.toFixed(2))
    .join(' ')
}
