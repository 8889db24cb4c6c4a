/** Whether threads of a page may share memory. */

/** What a page or a worker says of itself. */
export interface Scope {
  crossOriginIsolated: boolean
  SharedArrayBuffer?: unknown
}

/**
 * WebKitGTK says that a page is isolated, and lets its threads share nothing all the same: what
 * counts is whether there is something to share.
 */
export function mayShareMemory(scope: Scope = globalThis): boolean {
  return scope.crossOriginIsolated && typeof scope.SharedArrayBuffer === 'function'
}
