/**
 * The program and its threads from a few files instead of hundreds, as the tests start hundreds of
 * them. What the code says of its own place stays true. Bundles are made once, as vitest starts:
 * one that watches goes on with those it has.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'vitest/config'

const ROOT = join(import.meta.dirname, '..')
const BUNDLES = join(ROOT, 'node_modules/.cache/bundles')
/** A process's or thread's first file, where it is started. */
const ENTRY = /new URL\('(?<path>\.[^']+)\.ts', import\.meta\.url\)/g
/** Libraries that are not modules ask for others so. */
const REQUIRE =
  "import { createRequire as $requireOf } from 'node:module'; const require = $requireOf('/');"

/** Starts from bundles what is started from these files. */
export async function bundled(entries: readonly string[]): Promise<Plugin> {
  const startsBundles = (code: string, id: string) =>
    code.replaceAll(ENTRY, (whole, path: string) => {
      const source = relative(ROOT, join(dirname(id), path)).replaceAll(sep, '/')
      if (!entries.includes(`${source}.ts`)) return whole
      return `new URL('${pathToFileURL(join(BUNDLES, `${source}.mjs`))}')`
    })
  const placed = (path: string) =>
    startsBundles(readFileSync(path, 'utf8'), path)
      .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path)))
      .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...entries],
    outbase: '.',
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minifyWhitespace: true,
    format: 'esm',
    platform: 'node',
    banner: { js: REQUIRE },
    plugins: [
      {
        name: 'places',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({ loader: 'ts', contents: placed(path) })),
      },
    ],
  })
  return { name: 'bundled', enforce: 'pre', transform: startsBundles }
}
