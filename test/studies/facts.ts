/** What the processes of a study tell. */
import type { Child } from '../../node/cli/child.ts'

export type Fact = {
  type: string
  link: string
  addresses: string[]
  steps: number
  batchesCounted: number
}

/** Resolves with the first fact of the type; who listened to the process before hears no more. */
export function firstFact(child: Child<Fact>, type: string): Promise<Fact> {
  const { promise, resolve, reject } = Promise.withResolvers<Fact>()
  child.onMessage((one) => {
    if (one.type === type) resolve(one)
  })
  void child.exited.then(() => reject(new Error(child.complaints())))
  return promise
}

/** Where a relay that was just started takes TCP on this machine. */
export async function relayAt(relay: Child<Fact>): Promise<string> {
  const { addresses } = await firstFact(relay, 'ready')
  return addresses.find((one) => one.startsWith('/ip4/127.0.0.1/') && !one.includes('/ws'))!
}
