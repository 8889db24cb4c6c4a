/** Which addresses are safe to talk to: nobody on the way sees or changes what is sent. */

/** An address that nobody on the way reads or changes: https, or on this machine. */
export const isSecure = (url: URL): boolean =>
  url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url))

/** Whether the host in an address means this machine, by its name or number. */
export const isLoopbackHost = ({ hostname }: URL): boolean =>
  /^(127(\.\d+){3}|localhost|\[::1\])$/.test(hostname)
