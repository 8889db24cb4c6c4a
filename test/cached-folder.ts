/** A folder of the tests' cache that is there whole or not at all. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export const CACHE = join(import.meta.dirname, '../node_modules/.cache')

/** Written by `write` unless it is there. Another process may write the same at the same time. */
export async function cachedFolder(
  name: string,
  write: (folder: string) => void | Promise<void>,
): Promise<string> {
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  mkdirSync(CACHE, { recursive: true })
  const made = mkdtempSync(`${folder}-`)
  await write(made)
  try {
    renameSync(made, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
    rmSync(made, { recursive: true })
  }
  return folder
}
