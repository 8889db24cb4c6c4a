/** Builds the pages into node/dashboard/dist, which the coordinator serves. */
import { join } from 'node:path'
import { defineConfig } from 'vite'

// biome-ignore lint/style/noDefaultExport: Vite asks for it
export default defineConfig({
  root: join(import.meta.dirname, 'node/dashboard/pages'),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    assetsDir: '',
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
})
