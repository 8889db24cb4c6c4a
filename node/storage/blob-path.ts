/** Where a blob lies in the folder of all, on disk as on a web server. */
import type { Digest } from '../../protocol/index.ts'

export const blobPath = (digest: Digest): string => `${digest.slice(0, 2)}/${digest}`
