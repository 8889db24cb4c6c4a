/** Pages for the tests of a browser: bundled, served on loopback, isolated or not. */

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const HERE = import.meta.dirname

/** The icon is there so that the browser asks for none. */
const PAGE = '<!doctype html><title>Digests</title><link rel="icon" href="data:,">'

/** What makes a page cross-origin isolated, so that it may share memory with its workers. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

interface Resource {
  type: string
  body: Uint8Array | string
}

/** Starts a site that is gone at the end of the test; returns its address. */
export async function startSite(
  resources: ReadonlyMap<string, Resource>,
  isIsolated: boolean,
): Promise<string> {
  const server = createServer((request, response) => {
    const resource = resources.get(request.url ?? '')
    if (resource === undefined) return response.writeHead(404).end()
    const headers = { 'Content-Type': resource.type, ...(isIsolated && ISOLATION) }
    return response.writeHead(200, headers).end(resource.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** An empty page, the kernels, the embedded base, and workers of these tests. */
export async function workerResources(workers: string[]): Promise<Map<string, Resource>> {
  const bundled = await build({
    entryPoints: workers.map((name) => join(HERE, `${name}.ts`)),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    write: false,
    outdir: '/',
    plugins: [
      {
        name: 'kernel-module',
        setup: ({ onResolve }) =>
          onResolve({ filter: /kernel-module\.ts$/ }, () => ({
            path: join(HERE, 'kernel-module.ts'),
          })),
      },
    ],
  })
  const scripts = bundled.outputFiles.map(({ path, contents }): [string, Resource] => {
    return [path, { type: 'text/javascript', body: contents }]
  })
  const kernels = await readFile(join(ROOT, 'kernels', 'build', 'kernels.wasm'))
  const weights = await readFile(join(ROOT, 'node', 'model', 'embedded', 'model.safetensors'))
  return new Map<string, Resource>([
    ['/', { type: 'text/html', body: PAGE }],
    ['/kernels.wasm', { type: 'application/wasm', body: kernels }],
    ['/model.safetensors', { type: 'application/octet-stream', body: weights }],
    ...scripts,
  ])
}
