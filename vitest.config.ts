import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/closing-line.ts'

// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/{chromium,llama,package}/**'],
    reporters: ['default', new ClosingLine()],
    // One core would idle: vitest leaves it to whoever watches.
    maxWorkers: '100%',
    // Against what hangs: beside other work a test may take many times as long as alone.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
