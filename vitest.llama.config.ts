import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

/** What needs llama.cpp: `npm run test:llama`. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/llama/**/*.test.ts'],
    globalSetup: ['test/llama/install.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
