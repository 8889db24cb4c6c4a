/**
 * A blob in the browser's own files, read in a worker into a buffer that is there: pages are slow
 * to give back buffers that nobody needs any more, and a base has many pieces.
 */

/** Only workers have it, and their types are not those of pages. */
export interface SyncFile {
  /** Absent where a handle is one's own alone, whatever it is asked to be. */
  mode?: string
  read(to: Uint8Array, options: { at: number }): number
  write(from: Uint8Array, options: { at: number }): number
  truncate(bytes: number): void
  getSize(): number
  flush(): void
  close(): void
}

export interface WorkerFile extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode: 'read-only' }): Promise<SyncFile>
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>
}

/** Blobs that are whole, by their digests. */
export const WHOLE_FOLDER = 'blobs'

/** What it returns holds until the next call. */
export type ReadRange = (begin: number, end: number) => Promise<Uint8Array> | Uint8Array

/** A handle that other tabs may have, too; null where the browser has none. */
export async function openStored(digest: string): Promise<SyncFile | null> {
  const root = await navigator.storage.getDirectory()
  try {
    const folder = await root.getDirectoryHandle(WHOLE_FOLDER)
    const file = (await folder.getFileHandle(digest)) as WorkerFile
    const handle = await file.createSyncAccessHandle({ mode: 'read-only' })
    if (handle.mode === 'read-only') return handle
    handle.close()
  } catch {
    // Who cannot have one reads the file in another way, and is told there what is wrong with it.
  }
  return null
}

/** Reads into one buffer: a page is slow to give back those that it no longer needs. */
export function readerOf(handle: SyncFile): ReadRange {
  let buffer = new Uint8Array(0)
  return (begin, end) => {
    if (buffer.length < end - begin) buffer = new Uint8Array(end - begin)
    const bytes = buffer.subarray(0, end - begin)
    return bytes.subarray(0, handle.read(bytes, { at: begin }))
  }
}
