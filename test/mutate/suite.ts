/**
 * The child of `npm run mutate` holds one vitest, and for each mutant that it is sent runs a room's
 * tests over the changed file until the first of them fails. The quick test files run first. It is
 * a process of its own because a mutant may loop for ever, and only the end of its process stops
 * that.
 */
import { BaseSequencer, createVitest, type TestSpecification } from 'vitest/node'

export interface Mutant {
  /** Absolute. */
  path: string
  text: string
}
export type Verdict =
  | { type: 'ready'; durationMs: number }
  | { type: 'red'; reason: string }
  | { type: 'judged'; killedBy: string | undefined }

let mutant: Mutant | undefined
const durations = new Map<string, number>()
const durationOf = ({ moduleId }: TestSpecification): number => durations.get(moduleId) ?? 0

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => durationOf(a) - durationOf(b))
  }
}

const vitest = await createVitest(
  {
    config: false,
    watch: false,
    reporters: [{}],
    bail: 1,
    maxWorkers: 1,
    pool: 'threads',
    isolate: false,
    fsModuleCache: false,
    testTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: true,
    sequence: { sequencer: QuickFirst },
  },
  {
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform: (_, id) => (id === mutant?.path ? mutant.text : undefined),
      },
    ],
  },
)
const specifications = await vitest.globTestSpecifications(process.argv.slice(2))
const verdict = (said: Verdict): void => void process.send?.(said)

/** The name of the first test that fails, of its file where that cannot be loaded. */
async function firstFailure(): Promise<string | undefined> {
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  for (const module of testModules) {
    for (const test of module.children.allTests()) {
      if (test.result().state === 'failed') return test.fullName
    }
    if (module.state() === 'failed') return module.relativeModuleId
    if (!mutant) durations.set(module.moduleId, module.diagnostic().duration)
  }
  return unhandledErrors.length > 0 ? 'an unhandled error' : undefined
}

process.on('message', async (next: Mutant) => {
  if (mutant) vitest.invalidateFile(mutant.path)
  mutant = next
  vitest.invalidateFile(mutant.path)
  verdict({ type: 'judged', killedBy: await firstFailure() })
})
const startMs = performance.now()
const reason = await firstFailure()
if (reason !== undefined) verdict({ type: 'red', reason })
else verdict({ type: 'ready', durationMs: performance.now() - startMs })
