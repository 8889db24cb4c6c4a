/**
 * A promise that somebody looks at later. It may reject before, and Node ends a process for a
 * rejection that nobody has heard of; so this hears it, and whoever looks gets it all the same.
 */
export function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
