import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

/** What users get: the package where it is installed, the examples as their READMEs run them. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/{package,examples}/**/*.test.ts'],
    reporters: ['default', new ClosingLine()],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
