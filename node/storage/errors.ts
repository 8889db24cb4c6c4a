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

/** The operating system's names, unlike ours: ENOSPC, EIO. */
const SYSTEM_CODE = /^E[A-Z0-9]+$/
const FULL_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Puts the words of an operator on an error of the file system; passes all other errors on. */
export function storageError(doing: string, file: string, cause: unknown): unknown {
  const { code = '', message } = cause as NodeJS.ErrnoException
  if (!SYSTEM_CODE.test(code)) return cause
  const [kind, what]: [StorageErrorCode, string] = FULL_CODES.has(code)
    ? ['full', 'the disk is full. Free some space and go on']
    : code === 'ENOENT'
      ? ['missing', "it doesn't exist"]
      : ['failed', message]
  return new StorageError(kind, `Cannot ${doing} ${file}: ${what}`, { cause })
}
