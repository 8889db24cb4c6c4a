import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

// What a process has compiled once, every process and thread of the tests has without compiling.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(
  new URL('node_modules/.cache/compiled', import.meta.url),
)

/** Rooms whose tests mock no module and leave nothing behind: they share a process. */
const PURE = 'test/{coordinator,dataset,export,guest,history,kernels,protocol,simulations}/**'
/** What has a configuration of its own. */
const APART = 'test/{chromium,llama,package}/**'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    reporters: ['default', new ClosingLine()],
    // One core would idle: vitest leaves it to whoever watches.
    maxWorkers: '100%',
    // Against what hangs: beside other work a test may take many times as long as alone.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: { name: 'pure', isolate: false, include: [`${PURE}/*.test.ts`] },
      },
      {
        extends: true,
        test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: [PURE, APART] },
      },
    ],
  },
})
