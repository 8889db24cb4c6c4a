/** A folder of blobs that several processes use at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { OWN } from '../../node/storage/partial-blob.ts'
import { digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { randomBytes } from '../network/blob-pair.ts'
import { temporaryFolder } from './folder.ts'

const BLOB = randomBytes(1.5 * BLOB_CHUNK_BYTES)
const REFERENCE = { digest: digestOf(BLOB), bytes: BLOB.length }

/** Another process, in the middle of fetching the blob into the folder. */
async function fetching(folder: string) {
  const source = join(await temporaryFolder(), 'source')
  await writeFile(source, BLOB)
  const script = fileURLToPath(new URL('./hold-partial.ts', import.meta.url))
  const args = ['--import', 'tsx', script, folder, REFERENCE.digest, source]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [first] = await once(child.stdout, 'data')
  expect(String(first)).toBe('held\n')
  return child
}

test('who wants what another process is fetching waits, and finds it whole', async () => {
  const folder = await temporaryFolder()
  const store = await createFileBlobStore(folder)
  const child = await fetching(folder)
  let isOpen = false
  const opening = store.openPartial(OWN, REFERENCE).then((partial) => {
    isOpen = true
    return partial
  })
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect([isOpen, await store.has(REFERENCE.digest)]).toEqual([false, false])
  child.stdin.write('\n')
  const partial = await opening
  expect(await store.has(REFERENCE.digest)).toBe(true)
  await partial.close()
  expect(await store.read(REFERENCE.digest)).toEqual(BLOB)
})

test('who waits for another process can give up', async () => {
  const folder = await temporaryFolder()
  const store = await createFileBlobStore(folder)
  await fetching(folder)
  const controller = new AbortController()
  const opening = store.openPartial(OWN, REFERENCE, controller.signal)
  const refused = expect(opening).rejects.toMatchObject({ name: 'AbortError' })
  controller.abort()
  await refused
})

test('what a killed process was fetching is gone on with', async () => {
  const folder = await temporaryFolder()
  const child = await fetching(folder)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const store = await createFileBlobStore(folder)
  const partial = await store.openPartial(OWN, REFERENCE)
  expect(partial.chunks).toBe(1)
  await partial.close()
})
