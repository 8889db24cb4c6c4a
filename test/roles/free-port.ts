/**
 * A port that is free, as is the next, to be listened at twice: whoever lets the system choose one
 * may find it given to a connection of somebody else when it comes back.
 */
import { randomInt } from 'node:crypto'
import { checkFree } from '../../node/network/free-ports.ts'

/** Systems give connections ports above these. */
const [FIRST, END] = [20_000, 32_000]

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END)
    const addresses = [port, port + 1].map((one) => `/ip4/127.0.0.1/tcp/${one}`)
    const isFree = await checkFree(addresses).then(
      () => true,
      () => false,
    )
    if (isFree) return port
  }
}
