import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { bundled } from './test/bundled.ts'
import { ClosingLine } from './test/closing-line.ts'

// What a process has compiled once, every process and thread of the tests has without compiling.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL('node_modules/.cache/compiled', import.meta.url),
)

/** Rooms of plain functions: what V8 has learned of them is not unlearned by all the others. */
const PURE = 'test/{coordinator,dataset,export,guest,history,kernels,protocol,simulations}/**'
/** What has a configuration of its own. */
const APART = 'test/{browsers,chromium,examples,llama,package}/**'

/** A test that changes its process for all others has one for itself. */
const CHANGES_PROCESS = /\bvi\.(mock|resetModules|useFakeTimers)\(|\bsetFlagsFromString\(/

const found = (pattern: string) => globSync(pattern).map((path) => path.replaceAll(sep, '/'))

const threads = found('node/{compute,dataset,setup}/{worker,helper,*-worker}.ts')
const alone = found('test/**/*.test.ts').filter((path) =>
  CHANGES_PROCESS.test(readFileSync(path, 'utf8')),
)

/** Tests that share a process, and what it has loaded and compiled. */
const sharing = (name: string, include: string, exclude: string[]) => ({
  extends: true as const,
  test: { name, isolate: false, include: [include], exclude: [...exclude, APART, ...alone] },
})

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  plugins: [bundled(['node/main.ts', ...threads])],
  test: {
    reporters: ['default', new ClosingLine()],
    // Two cores idle where two files wait for a network or a clock: there is one to go on with.
    maxWorkers: availableParallelism() + 1,
    // Against what hangs: beside other work a test may take many times as long as alone.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    projects: [
      sharing('pure', `${PURE}/*.test.ts`, []),
      sharing('whole', 'test/**/*.test.ts', [PURE]),
      { extends: true, test: { name: 'alone', include: alone, exclude: [APART] } },
    ],
  },
})
