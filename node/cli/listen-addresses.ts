/** Where a process listens that others come to. */
import { networkInterfaces } from 'node:os'

export interface ListenOptions {
  port: number
  public?: boolean
}

/** Browsers and pages come by the port that was asked for, processes also by the next. */
export function listenAddresses(
  { port, public: isPublic = false }: ListenOptions,
  hasIpv6 = isInIpv6Network(),
): string[] {
  const next = port === 0 ? 0 : port + 1
  const at = (interfaces: string) => [`${interfaces}/tcp/${port}/ws`, `${interfaces}/tcp/${next}`]
  if (!isPublic) return at('/ip4/127.0.0.1')
  return hasIpv6 ? at('/ip4/0.0.0.0').concat(at('/ip6/::')) : at('/ip4/0.0.0.0')
}

function isInIpv6Network(): boolean {
  const all = Object.values(networkInterfaces()).flat()
  return all.some((one) => one?.family === 'IPv6' && !one.internal)
}
