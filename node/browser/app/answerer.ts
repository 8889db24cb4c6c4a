/**
 * Who answers what a page asks for, where its browser keeps the files of its build. What a run says
 * of itself is none of them, so it always comes from the network. Pure.
 */

export type Answerer =
  /** The network while it answers, else the page that is kept. */
  | 'network-then-kept'
  /** What is kept: its name changes with what is in it. */
  | 'kept'
  | 'network'

/** What is asked for, as a Request has it. */
export interface Asked {
  method: string
  mode: string
  url: string
  /** It asks for a part of a file. */
  hasRange: boolean
}

/** The page, as it is kept. */
export const PAGE = 'index.html'
/** The names of the caches that hold builds begin with it. */
export const CACHE_PREFIX = 'barnraise-shell-'

/**
 * @param scope the address of the page's folder, which ends in a slash
 * @param files names in that folder of what is kept beside the page
 */
export function answererOf(
  { method, mode, url, hasRange }: Asked,
  scope: string,
  files: ReadonlySet<string>,
): Answerer {
  const { origin, pathname } = new URL(url)
  const address = origin + pathname
  if (method !== 'GET' || hasRange || !address.startsWith(scope)) return 'network'
  const name = address.slice(scope.length)
  if (mode === 'navigate') return name === '' || name === PAGE ? 'network-then-kept' : 'network'
  return files.has(name) ? 'kept' : 'network'
}

/** Whether it is a gateway that answers, for a host that is not there: hosts have their page. */
export function isHostAway(status: number): boolean {
  return status === 404 || status >= 500
}
