/**
 * The program and its threads from a few files instead of hundreds, as the tests start hundreds of
 * them. What the code says of its own place stays true. What a test itself starts, it starts from
 * the sources. Bundles are made as vitest begins: one that watches goes on with those it has.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'vitest/config'
import { CACHE, cachedFolder } from './cached-folder.ts'

const ROOT = join(import.meta.dirname, '..')
const PRODUCT = join(ROOT, 'node/')
/** What a bundle depends on. */
const SOURCES = [
  'package-lock.json',
  'test/bundled.ts',
  '{coordinator,kernels,node,protocol}/**/*.ts',
]
/** A process's or thread's first file, where it is started. */
const ENTRY = /new URL\('(?<path>\.[^']+)\.ts', import\.meta\.url\)/g
/** Libraries that are not modules ask for others so. */
const REQUIRE =
  "import { createRequire as $requireOf } from 'node:module'; const require = $requireOf('/');"

/** Starts from bundles what the product starts from these files. */
export async function bundled(entries: readonly string[]): Promise<Plugin> {
  const name = `bundles-${digestOfSources()}`
  const folder = join(CACHE, name)
  const startsBundles = (code: string, id: string) =>
    code.replaceAll(ENTRY, (whole, path: string) => {
      const source = relative(ROOT, join(dirname(id), path)).replaceAll(sep, '/')
      if (!entries.includes(`${source}.ts`)) return whole
      return `new URL('${pathToFileURL(join(folder, `${source}.mjs`))}')`
    })
  const placed = (path: string) =>
    startsBundles(readFileSync(path, 'utf8'), path)
      .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path)))
      .replaceAll('import.meta.filename', JSON.stringify(path))
      .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
  await cachedFolder(name, (made) => writeBundles(entries, placed, made))
  return {
    name: 'bundled',
    enforce: 'pre',
    // What vitest keeps of a file for the next time leads to these bundles alone.
    configureVitest: ({ defineCacheKeyGenerator }) => defineCacheKeyGenerator(() => name),
    transform: (code, id) => (id.startsWith(PRODUCT) ? startsBundles(code, id) : undefined),
  }
}

function digestOfSources(): string {
  const hash = createHash('sha256')
  for (const path of globSync(SOURCES, { cwd: ROOT }).sort()) {
    hash.update(path).update(readFileSync(join(ROOT, path)))
  }
  return hash.digest('hex').slice(0, 16)
}

async function writeBundles(
  entries: readonly string[],
  contentsOf: (path: string) => string,
  folder: string,
): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...entries],
    outbase: '.',
    outdir: folder,
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
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({ loader: 'ts', contents: contentsOf(path) })),
      },
    ],
  })
}
