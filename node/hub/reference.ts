/**
 * Names on the Hub: `org/name`, `org/name@revision`, and for one file of it
 * `org/name:file.gguf`. A path that exists is never taken for one.
 */

export type RepositoryType = 'models' | 'datasets'

export interface HubReference {
  type: RepositoryType
  /** org/name */
  id: string
  /** A branch, a tag, or a commit. */
  revision: string
  /** The one file that is wanted; null: what the folder of a model needs. */
  file: string | null
}

const NAME = /^[\w.-]+\/[\w.-]+$/
const REFERENCE = /^(?<id>[\w.-]+\/[\w.-]+?)(?:@(?<revision>[\w./-]+))?(?::(?<file>[\w./-]+))?$/

/** Null where the text cannot be such a name. */
export function parseReference(text: string, type: RepositoryType): HubReference | null {
  const { id, revision = 'main', file = null } = REFERENCE.exec(text)?.groups ?? {}
  if (id === undefined || !NAME.test(id)) return null
  const parts = [...id.split('/'), ...revision.split('/'), ...(file?.split('/') ?? [])]
  if (parts.some((part) => /^\.*$/.test(part))) return null
  return { type, id, revision, file: file ?? null }
}

export function describeReference({ id, revision, file }: HubReference): string {
  const suffix = file === null ? '' : `:${file}`
  return `${id}${revision === 'main' ? '' : `@${revision}`}${suffix}`
}
