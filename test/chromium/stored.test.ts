/** A base in Chromium's own files: what is read of it while it is forgotten. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { ModelShape } from '../../kernels/index.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { chunkOf } from '../../protocol/blob.ts'
import { digestOf } from '../../protocol/digest.ts'
import { openPage, useBrowser } from './browser.ts'
import { startSite, workerResources } from './site.ts'
import type { StoredRequest } from './stored-worker.ts'

useBrowser()
const resources = await workerResources(['stored-worker'])
const TENSOR = 'model.norm.weight'

let shape: ModelShape
let bytes: Uint8Array
beforeAll(async () => {
  const base = await openBaseModel(EMBEDDED_MODEL)
  shape = base.shape
  base.close()
  bytes = new Uint8Array(await readFile(join(EMBEDDED_MODEL, 'model.safetensors')))
})

/** Two workers of one page: one reads the base, the other forgets it. */
async function opened() {
  const page = await openPage(await startSite(resources, false))
  for (const name of ['reader', 'other']) await page.evaluate(startWorker, name)
  const reader = (request: StoredRequest) => page.evaluate(ask, { name: 'reader', request })
  const other = (request: StoredRequest) => page.evaluate(ask, { name: 'other', request })
  return { reader, other }
}

/** Runs in the page. */
function startWorker(name: string): Promise<void> {
  const worker = new Worker('/stored-worker.js', { type: 'module' })
  Object.assign(window, { [name]: worker })
  return new Promise((resolve) => {
    worker.onmessage = () => resolve()
  })
}

/** Runs in the page. */
function ask({ name, request }: { name: string; request: StoredRequest }): Promise<string> {
  const worker = (window as unknown as Record<string, Worker>)[name]!
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(request)
  })
}

test('a stream of a base is stored in its bytes, and read by chunks', async () => {
  const { reader, other } = await opened()
  const digest = await reader({ type: 'open', as: 'handle', shape })
  expect(digest).toBe(digestOf(bytes))
  const stored = `${bytes.length} ${digestOf(chunkOf(bytes, 0))} ${digest}`
  expect(await other({ type: 'check', digest })).toBe(stored)
})

test('a base that is read through a handle is not forgotten before that is closed', async () => {
  const { reader, other } = await opened()
  const digest = await reader({ type: 'open', as: 'handle', shape })
  const read = () => reader({ type: 'read', tensor: TENSOR })
  const before = await read()
  expect(before).toMatch(/^[0-9a-f]{64}$/)
  expect(await other({ type: 'erase' })).toMatch(/^StorageError: .* a file of it is in use/)
  expect(await read()).toBe(before)
  await reader({ type: 'close' })
  expect(await other({ type: 'erase' })).toBe('erased')
  expect(await other({ type: 'check', digest })).toMatch(/^StorageError: There is no blob/)
})

test('a base that is read in slices ends with an error where it is forgotten', async () => {
  const { reader, other } = await opened()
  await reader({ type: 'open', as: 'slices', shape })
  const read = () => reader({ type: 'read', tensor: TENSOR })
  expect(await read()).toMatch(/^[0-9a-f]{64}$/)
  expect(await other({ type: 'erase' })).toBe('erased')
  expect(await read()).toMatch(/^Error: The base is no longer what it was when it was opened/)
})
