/** Where a process listens that others come to. */

/** Browsers and pages come by the port that was asked for, processes also by the next. */
export function listenAddresses({
  port,
  public: isPublic,
}: {
  port: number
  public?: boolean
}): string[] {
  const address = isPublic ? '0.0.0.0' : '127.0.0.1'
  const next = port === 0 ? 0 : port + 1
  return [`/ip4/${address}/tcp/${port}/ws`, `/ip4/${address}/tcp/${next}`]
}
