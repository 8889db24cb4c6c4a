/** What disks do to us. The message names the file and says what to do about it. */
import { systemReason } from '../system-reason.ts'

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

/**
 * Bytes that are not here, or no longer what they were. Whoever knows somebody that has them may
 * fetch them again; all others need a backup.
 */
export class LostBytesError extends StorageError {
  constructor(code: 'missing' | 'damaged', message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}

/** A blob whose file holds something else. */
export function damagedBlob(file: string): LostBytesError {
  return new LostBytesError(
    'damaged',
    `Cannot use ${file}: its bytes are not those that it is named for. Restore it from a backup`,
  )
}

/** The operating system's names, unlike ours: ENOSPC, EIO. */
const SYSTEM_CODE = /^E[A-Z0-9]+$/
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Puts the words of an operator on an error of the file system; passes all other errors on. */
export function storageError(doing: string, file: string, cause: unknown): unknown {
  const { code = '', message } = cause as { code?: string; message: string }
  if (!SYSTEM_CODE.test(code)) return cause
  const cannot = `Cannot ${doing} ${file}`
  if (code === 'ENOENT') {
    return new LostBytesError('missing', `${cannot}: it doesn't exist`, { cause })
  }
  if (FULL_CODES.has(code)) {
    const what = 'the disk is full. Free some space and go on'
    return new StorageError('full', `${cannot}: ${what}`, { cause })
  }
  return new StorageError('failed', `${cannot}: ${systemReason(cause) ?? message}`, { cause })
}
