/**
 * Builds the pages: those that the coordinator serves into node/browser/dist, and with the mode
 * `published` that of a published run into a folder below.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { defineConfig, type Plugin } from 'vite'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8'))
const root = join(import.meta.dirname, 'node/browser/pages')

/** Writes the service worker, which knows by their names the files that it keeps. */
const serviceWorker: Plugin = {
  name: 'service-worker',
  async writeBundle({ dir }, bundle) {
    const files = Object.keys(bundle).filter((name) => name !== 'index.html')
    // It names the other files, and their names change with what is in them.
    const page = readFileSync(join(dir!, 'index.html'))
    const version = createHash('sha256').update(page).digest('hex').slice(0, 16)
    await build({
      entryPoints: [join(root, '../app/service-worker.ts')],
      outfile: join(dir!, 'service-worker.js'),
      bundle: true,
      minify: true,
      format: 'iife',
      define: { __SHELL__: JSON.stringify({ version, files: files.sort() }) },
    })
  },
}

// biome-ignore lint/style/noDefaultExport: Vite asks for it
export default defineConfig(({ mode }) => {
  const isPublished = mode === 'published'
  return {
    root,
    base: './',
    publicDir: isPublished ? false : 'public',
    plugins: isPublished ? [] : [serviceWorker],
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
