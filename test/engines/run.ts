/**
 * `npm run test:engines`: the golden jobs on Node 22, 24 and 26, with and without paired vectors,
 * on one, two and four threads; every digest must be that of test/vectors/jobs.json. Fetches the
 * Nodes through npm. Those of 135M parameters run once on each Node, and with all threads on one.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { GOLDEN_JOBS } from './golden-jobs.ts'

const NODES = ['22', '24', '26']
const SMALL = GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded')).map(({ name }) => name)
const ALL = GOLDEN_JOBS.map(({ name }) => name)
const DIGESTS = new URL('./digests.ts', import.meta.url).pathname
const golden: Record<string, string> = JSON.parse(
  readFileSync(new URL('../vectors/jobs.json', import.meta.url), 'utf8'),
)

let passed = 0
let failed = 0

function check(node: string, width: string, threads: number, names: readonly string[]): void {
  const where = `Node ${node}, ${width === 'wide' ? '256' : '128'} bits, ${threads} threads`
  let digests: Record<string, string> = {}
  try {
    const command = ['--yes', `--package=node@${node}`, '--', 'node', '--import', 'tsx', DIGESTS]
    const output = execFileSync('npm', ['exec', ...command, width, String(threads), ...names], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    digests = JSON.parse(output.toString())
  } catch (error) {
    process.stdout.write(`${where}: ${(error as Error).message}\n`)
  }
  for (const name of names) {
    const isRight = digests[name] === golden[name]
    if (isRight) passed += 1
    else failed += 1
    process.stdout.write(`${isRight ? '✓' : '✗'} ${where}: ${name}\n`)
  }
}

for (const node of NODES) {
  for (const width of ['128', 'wide']) {
    for (const threads of [1, 2, 4]) {
      const takesLarge = threads === 1 || (node === '26' && width === 'wide')
      check(node, width, threads, takesLarge ? ALL : SMALL)
    }
  }
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed > 0 ? 1 : 0
