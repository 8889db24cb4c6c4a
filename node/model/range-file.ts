/**
 * A file read by range: only what is asked for is in memory, so that a base of gigabytes costs what
 * its largest matrix does. Reads are synchronous, as kernels are: call them where blocking is no
 * harm, in a training thread or while starting.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { whyUnread } from '../system-reason.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'

export interface RangeFile extends FileBytes {
  close(): void
}

/** @throws ModelError `missing` without the file */
export function openRangeFile(path: string): RangeFile {
  const file = openForReading(path)
  return {
    bytes: fstatSync(file).size,
    read: (begin, end) => {
      const bytes = new Uint8Array(end - begin)
      fill(bytes, file, begin, path)
      return bytes
    },
    readInto: (into, begin) => fill(into, file, begin, path),
    close: () => closeSync(file),
  }
}

/** What `use` makes of an open file; should it fail, the file is closed and named in the error. */
export function withFile<T>(file: RangeFile, path: string, use: (file: RangeFile) => T): T {
  try {
    return use(file)
  } catch (error) {
    file.close()
    throw naming(path, error)
  }
}

/** The error, with the file that it is about. */
export function naming(path: string, error: unknown): unknown {
  if (!(error instanceof ModelError)) return error
  return new ModelError(error.code, `${error.message} (${path})`)
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new ModelError('missing', `Cannot open the weights ${path} as ${whyUnread(error)}`)
  }
}

function fill(bytes: Uint8Array, file: number, begin: number, path: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, begin + done)
    if (count === 0) {
      throw new ModelError(
        'malformed',
        `Cannot read ${path}: it has become shorter since it was opened`,
      )
    }
    done += count
  }
}
