/** Files that a page has made or fetched, given to whoever looks at it. */

/** The browser saves it, as if a link to it were pressed. */
export function save(address: string, file: string): void {
  const link = document.createElement('a')
  link.href = address
  link.download = file
  link.click()
}
