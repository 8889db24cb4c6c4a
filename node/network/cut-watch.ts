/**
 * What a volunteer is told whose WebSocket is cut again and again: proxies and tunnels end one
 * after a time that their owner sets. It costs no work, but each time a few seconds.
 */

const CUTS = 3
/** What lasted longer was cut too seldom to matter. */
const LASTED_MS_MAX = 900_000

const WEB_SOCKET = /\/wss?(\/|$)/

/** Hears of each connection that broke. Returns what is to be said, once; null: nothing. */
export type CutWatch = (address: string, lastedMs: number) => string | null

export function createCutWatch(): CutWatch {
  let lasted: number[] = []
  let isTold = false
  return (address, lastedMs) => {
    const isCut = WEB_SOCKET.test(address) && lastedMs <= LASTED_MS_MAX
    lasted = isCut ? [...lasted, lastedMs] : []
    if (isTold || lasted.length < CUTS) return null
    isTold = true
    const seconds = lasted.map((ms) => Math.round(ms / 1000)).join(', ')
    return (
      `the last ${CUTS} connections broke after ${seconds} s: is there a proxy or tunnel on the ` +
      'way that cuts WebSockets? Whoever runs it can raise its timeout (nginx: ' +
      'proxy_read_timeout 1h;). No work is lost by it'
    )
  }
}
