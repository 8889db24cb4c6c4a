/** Makes shell.ts a plain script, with all that it imports in it. */
import { join } from 'node:path'
import { build } from 'esbuild'

const HERE = import.meta.dirname

export async function bundleShell(file: string): Promise<void> {
  await build({
    entryPoints: [join(HERE, 'shell.ts')],
    outfile: file,
    bundle: true,
    format: 'iife',
    target: 'es2022',
    loader: { '.wasm': 'binary', '.safetensors': 'binary' },
    plugins: [
      {
        name: 'kernel-module',
        setup: ({ onResolve }) =>
          onResolve({ filter: /kernel-module\.ts$/ }, () => ({
            path: join(HERE, 'shell-kernels.ts'),
          })),
      },
    ],
  })
}
