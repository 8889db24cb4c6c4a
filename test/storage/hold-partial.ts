/**
 * A process that fetches a blob slowly: it takes the first of two chunks, says `held`, and ends
 * when it is told to. Arguments: folder, digest, bytes; the chunks come as files.
 */
import { readFileSync, writeSync } from 'node:fs'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { OWN } from '../../node/storage/partial-blob.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'

const [folder = '', digest = '', source = ''] = process.argv.slice(2)
const bytes = new Uint8Array(readFileSync(source))
const store = await createFileBlobStore(folder)
const partial = await store.openPartial(OWN, { digest, bytes: bytes.length })
await partial.append(bytes.subarray(0, BLOB_CHUNK_BYTES))
writeSync(1, 'held\n')
process.stdin.once('data', async () => {
  await partial.append(bytes.subarray(BLOB_CHUNK_BYTES))
  await partial.finish()
  await partial.close()
  writeSync(1, 'done\n')
  process.exit()
})
