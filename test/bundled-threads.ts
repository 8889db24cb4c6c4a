/**
 * Threads whose code is in one file: from the sources each loads a hundred and fifty, and the tests
 * start a thousand threads. What the code says of its own place stays true.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'vitest/config'

const ROOT = join(import.meta.dirname, '..')
const BUNDLES = join(ROOT, 'node_modules/.cache/threads')
/** A thread's first file, where it is started. */
const ENTRY = /new URL\('(?<path>\.\/[^']*worker)\.ts', import\.meta\.url\)/g
/** Libraries that are not modules ask for others so. */
const REQUIRE = "import { createRequire as from } from 'node:module'; const require = from('/');"

/** Starts threads of Node's rooms from bundles. */
export async function bundledThreads(entries: readonly string[]): Promise<Plugin> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...entries],
    outbase: '.',
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    banner: { js: REQUIRE },
    plugins: [
      {
        name: 'places',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({ loader: 'ts', contents: withPlace(path) })),
      },
    ],
  })
  return {
    name: 'bundled-threads',
    enforce: 'pre',
    transform: (code, id) =>
      code.replaceAll(ENTRY, (whole, path: string) => {
        const source = relative(ROOT, join(dirname(id), path))
        if (!entries.includes(`${source}.ts`)) return whole
        return `new URL('${pathToFileURL(join(BUNDLES, `${source}.mjs`))}')`
      }),
  }
}

function withPlace(path: string): string {
  return readFileSync(path, 'utf8')
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path)))
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
}
