/** What `cache` tells and frees: what volunteers fetched, and bases that were made here. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { cache } from '../../node/cli/cache.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { temporaryFolder } from '../model/fixtures.ts'

async function said(options: Parameters<typeof cache>[0]): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  await cache(options)
  const text = write.mock.calls.map(([line]) => String(line)).join('')
  write.mockRestore()
  return text
}

for (const [fetched, made] of [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const) {
  test(`told and freed: ${fetched} blobs that came, ${made} bases that were made`, async () => {
    const root = await temporaryFolder()
    const conversions = join(root, 'conversions')
    if (made) {
      mkdirSync(conversions)
      writeFileSync(join(conversions, 'a.gguf'), new Uint8Array(3000))
    }
    if (fetched) await (await createFileBlobStore(join(root, 'blobs'))).put(new Uint8Array(2000))
    const text = await said({ cache: root })
    expect(text).toContain(`blobs: ${fetched ? '2.0 kB' : '0 B'}`)
    expect(text.includes('made here: 3.0 kB')).toBe(made === 1)
    expect(text.includes('since 2')).toBe(fetched === 1)
    expect(text.includes('cache --free')).toBe(fetched + made > 0)
    const bytes = 2000 * fetched + 3000 * made
    expect(JSON.parse(await said({ cache: root, json: true }))).toMatchObject({ bytes })
    expect(JSON.parse(await said({ cache: root, json: true, free: true }))).toMatchObject({
      freed: bytes,
    })
    expect(existsSync(conversions)).toBe(false)
    expect(JSON.parse(await said({ cache: root, json: true }))).toMatchObject({ bytes: 0 })
  })
}
