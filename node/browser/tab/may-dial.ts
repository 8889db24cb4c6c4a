/**
 * What a page may dial of what a coordinator names: by WebSockets alone and, where the page came
 * over TLS, by TLS alone. The rest a browser refuses, or asks its user whether the page may look
 * about in the network that it is in.
 */

/** @param protocol of the page, as `https:` */
export function mayDial(address: string, protocol: string): boolean {
  const [first = ''] = address.split('/p2p-circuit')
  if (!/\/wss?(\/|$)/.test(first)) return false
  return protocol !== 'https:' || /\/(wss|tls(\/sni\/[^/]+)?\/ws)(\/|$)/.test(first)
}
