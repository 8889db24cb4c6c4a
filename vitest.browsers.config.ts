import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

/** What needs a Firefox or a WebKit: `npm run test:browsers`. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/browsers/**/*.test.ts'],
    globalSetup: ['test/browsers/name-missing.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 120_000, interval: 200 } },
    fileParallelism: false,
  },
})
