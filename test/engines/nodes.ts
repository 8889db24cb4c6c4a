/**
 * Node 22, 24 and 26 as npm brings them, with and without V8's paired vectors, on one, two and four
 * threads. The jobs of 135M parameters run once on each Node, and with all threads on one.
 */
import { execFileSync } from 'node:child_process'
import { compare, type Engine } from './engine.ts'
import { GOLDEN_JOBS, SMALL_JOBS } from './golden-jobs.ts'

const VERSIONS = ['22', '24', '26']
const DIGESTS = new URL('./digests.ts', import.meta.url).pathname

export const NODES: readonly Engine[] = VERSIONS.flatMap((version) =>
  (['128', 'wide'] as const).flatMap((width) =>
    [1, 2, 4].map((threads) => nodeEngine(version, width, threads)),
  ),
)

function nodeEngine(version: string, width: '128' | 'wide', threads: number): Engine {
  const takesLarge = threads === 1 || (version === '26' && width === 'wide')
  const names = (takesLarge ? GOLDEN_JOBS : SMALL_JOBS).map(({ name }) => name)
  const script = ['node', '--import', 'tsx', DIGESTS, width, String(threads), ...names]
  return {
    name: `Node ${version}, ${width === 'wide' ? '256' : '128'} bits, ${threads} threads`,
    missing: () => null,
    run: async () => {
      const command = ['exec', '--yes', `--package=node@${version}`, '--', ...script]
      const output = execFileSync('npm', command, { stdio: ['ignore', 'pipe', 'inherit'] })
      return compare(names, JSON.parse(output.toString()))
    },
  }
}
