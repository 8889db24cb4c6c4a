/** What the stores need of the file system, so that tests can let the n-th call fail. */
import type * as fileSystem from 'node:fs/promises'

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
