import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

/** What needs a browser: `npm run test:browser`. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/chromium/**/*.test.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
})
