/**
 * A mirror, asked by a page: nothing of the page goes along, neither cookies nor its address. Which
 * address a name stands for only the browser sees; it guards the networks that it is in.
 */
import type { AskMirror } from '../../network/mirror-source.ts'
import { isLoopbackHost } from '../../secure-address.ts'
import { piecesOf } from '../../stream-pieces.ts'

export const askMirror: AskMirror = async (url, headers, signal) => {
  checkAddress(url)
  const response = await fetch(url, {
    headers,
    signal,
    mode: 'cors',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    // It is kept once, among the blobs of the page.
    cache: 'no-store',
  })
  const cancel = () => void response.body?.cancel()
  try {
    // Redirects were followed.
    checkAddress(response.url)
  } catch (error) {
    cancel()
    throw error
  }
  return { status: response.status, body: piecesOf(response.body), cancel }
}

/** Only a page of this machine asks this machine. */
function checkAddress(address: string): void {
  const url = new URL(address)
  const isHere = isLoopbackHost(url)
  if (isHere ? isLoopbackHost(new URL(location.href)) : url.protocol === 'https:') return
  throw new Error(`${url.origin} is not https, or of this machine`)
}
