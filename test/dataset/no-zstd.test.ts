/** Node 22 before 22.15 unpacks no zstd: it is said, and everything else works. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type * as zlib from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { readText } from '../../node/dataset/text-file.ts'
import { temporaryFolder } from '../roles/swarm.ts'

vi.mock('node:zlib', async (original) => {
  const { zstdDecompressSync: _, ...rest } = await original<typeof zlib>()
  return { ...rest, default: rest, zstdDecompressSync: undefined }
})

test('a file in zstd is refused with the version that reads it', async () => {
  const path = join(await temporaryFolder(), 'text.zst')
  await writeFile(path, 'anything')
  await expect(
    readText({ name: 'text.zst', path, format: '.txt', packing: '.zst' }, () => {}),
  ).rejects.toThrow(
    /^Cannot unpack text\.zst as that needs Node 22\.15 or newer: current value is v\d+/,
  )
})
