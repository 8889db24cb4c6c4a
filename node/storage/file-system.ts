/** What the stores need of the file system, so that tests can let the n-th call fail. */
import type * as fileSystem from 'node:fs/promises'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { StorageError, storageError } from './errors.ts'

export type FileSystem = Pick<
  typeof fileSystem,
  'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'rm' | 'stat'
>

/** Makes what was created or renamed in a folder outlive a loss of power. */
export async function syncFolder(files: FileSystem, folder: string): Promise<void> {
  // Windows has no such thing; its rename is durable by itself.
  if (process.platform === 'win32') return
  const handle = await files.open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

export function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error
}

/**
 * Makes a folder, and what is missing of the folders that it is in, one by one: Node's own way goes
 * on for ever where nothing can be made and nothing is missing, as below /proc.
 * @throws StorageError
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const missing: string[] = []
  try {
    for (let at = resolve(path); !(await isFolder(at)); at = dirname(at)) missing.unshift(at)
    for (const folder of missing) await makeOne(folder, mode)
  } catch (error) {
    throw storageError('create the folder', path, error)
  }
}

/** The folder that it is in is there, and another process may make it in the same moment. */
async function makeOne(folder: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(folder, { mode })
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    if (isThere) return
    if (!isMissing(error)) throw error
    const where = dirname(folder)
    throw new StorageError('failed', `Cannot create ${folder}: nothing can be made in ${where}`)
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(ignoreMissing)
  if (found === undefined || found.isDirectory()) return found !== undefined
  throw Object.assign(new Error(`${path} is no folder`), { code: 'ENOTDIR' })
}
