import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

/** What the package does where it is installed: `npm run test:package`. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
