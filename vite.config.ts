/**
 * Builds the pages: those that the coordinator serves into node/browser/dist, and with the mode
 * `published` that of a published run into a folder below.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vite'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'))
const root = join(import.meta.dirname, 'node/browser/pages')

// biome-ignore lint/style/noDefaultExport: Vite asks for it
export default defineConfig(({ mode }) => {
  const isPublished = mode === 'published'
  return {
    root,
    base: './',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    define: { __VERSION__: JSON.stringify(version) },
    worker: { format: 'es' },
    build: {
      outDir: isPublished ? '../dist/published' : '../dist',
      emptyOutDir: true,
      assetsDir: '',
      modulePreload: { polyfill: false },
      reportCompressedSize: true,
      rollupOptions: { input: join(root, isPublished ? 'published.html' : 'index.html') },
    },
  }
})
