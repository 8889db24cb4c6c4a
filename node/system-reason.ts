/**
 * What the operating system says, in words: its own are "EACCES: permission denied, mkdir '…'",
 * which name the file once more and tell nobody what to do.
 */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'its disk can only be read',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is full",
  ENOENT: 'it, or the folder that it should be in, is not there',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a folder',
  EEXIST: 'it is there already',
  EMFILE: 'too many files are open: raise `ulimit -n`',
  ENAMETOOLONG: 'its name is too long',
}

interface SystemError {
  code?: string
  message: string
}

/** The end of a sentence that names the file; null for what is no error of the system. */
export const systemReason = (error: unknown): string | null =>
  REASONS[(error as SystemError).code ?? ''] ?? null

/** Why a file that was to be read cannot be. */
export function whyUnread(error: unknown): string {
  const { code, message } = error as SystemError
  return code === 'ENOENT' ? 'there is no such file' : (systemReason(error) ?? message)
}
