/** A page on loopback in whose worker a browser runs the plain script. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleShell } from './bundle.ts'
import { compare, type Finding } from './engine.ts'
import { SHELL_NAMES } from './shells.ts'

/** An expression of the page: a promise of what its worker says, or of why that died. */
export const IN_WORKER = `new Promise((resolve, reject) => {
  const worker = new Worker('/golden.js')
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = ({ message }) => reject(new Error(message))
})`

/** @param open opens the page, and gives what IN_WORKER comes to; `home` is a folder for it */
export async function digestsOfPage(
  open: (address: string, home: string) => Promise<string>,
): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'barnraise-engines-'))
  const script = join(folder, 'golden.js')
  await bundleShell(script)
  const site = createServer((request, response) => {
    const isScript = request.url === '/golden.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? readFileSync(script) : '<!doctype html><title>Digests</title>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = site.address() as AddressInfo
    return compare(SHELL_NAMES, JSON.parse(await open(`http://127.0.0.1:${port}/`, folder)))
  } finally {
    site.closeAllConnections()
    site.close()
    rmSync(folder, { recursive: true, maxRetries: 5 })
  }
}
