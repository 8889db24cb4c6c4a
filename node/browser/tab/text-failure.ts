/** Why a page could not write, as far as it can be told apart. Pure. */
import { ConfigError, ProtocolError } from '../../../protocol/index.ts'
import { StorageError } from '../../storage/errors.ts'
import type { FailureCode } from './text-messages.ts'

const BUSY = 'Another tab of this browser fetches the same: try again when it is done.'

/** @param otherwise what it is taken for where the error does not tell */
export function failureOf(
  error: Error,
  otherwise: FailureCode,
): { code: FailureCode; reason: string } {
  const reason = error.name === 'NoModificationAllowedError' ? BUSY : error.message
  return { code: codeOf(error, otherwise), reason }
}

function codeOf(error: Error, otherwise: FailureCode): FailureCode {
  if (error instanceof StorageError) return error.code === 'full' ? 'full' : 'damaged'
  if (error.name === 'QuotaExceededError') return 'full'
  if (error instanceof ProtocolError || error instanceof ConfigError) return 'damaged'
  // A fetch that nobody answers fails so.
  return error instanceof TypeError ? 'fetch' : otherwise
}
