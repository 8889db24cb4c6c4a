/** Whether a host could listen, before work is done that would be for nothing if it cannot. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { cannotListen } from './listen-error.ts'

/**
 * @param addresses multiaddrs over TCP
 * @throws ConfigError that names the first at which another listens, or that cannot be had
 */
export async function checkFree(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const [host, port] = multiaddr(address).getComponents()
    // An IPv6 socket would take the IPv4 port, too.
    const ipv6Only = host?.name === 'ip6'
    const server = createServer().listen({ host: host?.value, port: Number(port?.value), ipv6Only })
    try {
      await once(server, 'listening')
    } catch (error) {
      throw cannotListen(address, error as NodeJS.ErrnoException) ?? error
    }
    server.close()
    await once(server, 'close')
  }
}
