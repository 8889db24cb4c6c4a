/** Stands in for multicast DNS. */
import { EventEmitter } from 'node:events'
import type { MulticastDNS } from 'multicast-dns'

/** Everybody on it hears what anybody says. */
export class Bus {
  readonly ends: EventEmitter[] = []
  lost = 0
  readonly #from: { address: string }

  /** @param address that all speak from */
  constructor(address = '127.0.0.1') {
    this.#from = { address }
  }

  end(): MulticastDNS {
    const end = new EventEmitter()
    this.ends.push(end)
    const say = (kind: 'query' | 'response') => (packet: object) => {
      if (kind === 'query' && this.lost > 0) this.lost -= 1
      else {
        const whole = { questions: [], answers: [], additionals: [], ...packet }
        for (const other of this.ends) other.emit(kind, whole, this.#from)
      }
    }
    const destroy = () => void this.ends.splice(this.ends.indexOf(end), 1)
    Object.assign(end, { query: say('query'), respond: say('response'), destroy })
    return end as unknown as MulticastDNS
  }
}
