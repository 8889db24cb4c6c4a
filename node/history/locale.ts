/**
 * What depends on the language of whoever reads. An engine that is told of none, as WebKitGTK is
 * under LANG=C, throws where it should take a default: then figures and order are plain.
 */

/** 12:34:56, as it is written here. */
export const timeOfDay: (at: number) => string = whereKnown(
  () => {
    const format = Intl.DateTimeFormat([], {
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    return (at) => format.format(at)
  },
  (at) => new Date(at).toTimeString().slice(0, 8),
)

/** Names in the order of the alphabet. */
export const compareNames: (a: string, b: string) => number = whereKnown(
  () => Intl.Collator().compare,
  (a, b) => (a < b ? -1 : Number(a > b)),
)

/** Made once: to make a format costs 50 times what using it does, and a page shows hundreds. */
function whereKnown<T>(localized: () => T, plain: T): T {
  try {
    return localized()
  } catch {
    return plain
  }
}
