/** What a page asks with where a relay serves it. */
import { createRelayedFetch, type RelayedFetch } from '../../network/relayed-fetch.ts'
import { tabGater, tabTransports } from './transports.ts'

export const openRelayed = (addresses: () => readonly string[]): RelayedFetch =>
  createRelayedFetch({ addresses, transports: tabTransports(), connectionGater: tabGater })
