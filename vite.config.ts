/** Builds the pages into node/dashboard/dist, which the coordinator serves. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'))

// biome-ignore lint/style/noDefaultExport: Vite asks for it
export default defineConfig({
  root: join(import.meta.dirname, 'node/dashboard/pages'),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  define: { __VERSION__: JSON.stringify(version) },
  worker: { format: 'es' },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsDir: '',
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
})
