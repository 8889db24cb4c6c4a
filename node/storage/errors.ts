/** What disks do to us. The message names the file and says what to do about it. */

export type StorageErrorCode =
  | 'missing'
  /** The bytes are not what was written. */
  | 'damaged'
  /** No room: nothing of the write is kept, and it may be tried again. */
  | 'full'
  /** Another process holds it. */
  | 'locked'
  /** Any other failure of the disk or its permissions. */
  | 'failed'

export class StorageError extends Error {
  override name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Puts the words of an operator on an error of the file system; passes all other errors on. */
export function storageError(doing: string, file: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof StorageError || code === undefined) return error
  if (FULL_CODES.has(code)) {
    return new StorageError(
      'full',
      `Cannot ${doing} ${file}: the disk is full. Free some space and go on`,
      {
        cause: error,
      },
    )
  }
  if (code === 'ENOENT') {
    return new StorageError('missing', `Cannot ${doing} ${file}: it doesn't exist`, {
      cause: error,
    })
  }
  return new StorageError('failed', `Cannot ${doing} ${file}: ${message}`, { cause: error })
}
