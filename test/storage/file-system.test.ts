/** Folders that are made part by part, and where none can be. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StorageError } from '../../node/storage/errors.ts'
import { makeFolder } from '../../node/storage/file-system.ts'
import { temporaryFolder } from '../model/fixtures.ts'

test('what is missing of a path is made, and what is there is left', async () => {
  const folder = join(await temporaryFolder(), 'a', 'b', 'c')
  await makeFolder(folder)
  await makeFolder(folder)
  expect(existsSync(folder)).toBe(true)
})

for (const [where, path, why] of [
  ['below a file', (top: string) => join(top, 'file', 'a', 'b'), 'a part of its path is a file'],
  ['in place of a file', (top: string) => join(top, 'file'), 'a part of its path is a file'],
  // Linux alone has it; elsewhere it is a folder that this user may not make.
  [
    'where nothing can be made',
    () => '/proc/barnraise/run',
    /nothing can be made in|Cannot create the folder/,
  ],
] as const) {
  test(`${where}, a folder is refused in words`, async () => {
    const top = await temporaryFolder()
    writeFileSync(join(top, 'file'), '')
    const making = makeFolder(path(top))
    await expect(making).rejects.toBeInstanceOf(StorageError)
    await expect(making).rejects.toThrow(why)
    await expect(making).rejects.not.toThrow("doesn't exist")
  })
}
