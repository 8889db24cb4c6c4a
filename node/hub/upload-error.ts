/** Why something could not be published, in words that say what to do. */
import { ConfigError } from '../../protocol/index.ts'
import { reasonOf } from './download.ts'

/** A repository that files go to. */
export interface HubTarget {
  /** org/name */
  id: string
  /** The Hub's address, without a slash at its end. */
  endpoint: string
  token: string
}

const SAID_LENGTH_MAX = 300

/** What the library, the network or the disk threw, as something to be thrown on. */
export function uploadError({ id, endpoint }: HubTarget, error: unknown): unknown {
  // A file on this machine has a path.
  const isOurs = error instanceof ConfigError || (error as NodeJS.ErrnoException).path !== undefined
  if (isOurs) return error
  return new ConfigError(`Cannot publish to '${id}' as ${endpoint} fails: ${reasonOf(error)}`)
}

/** @param said by the Hub itself */
export function statusError(target: HubTarget, status: number, said = ''): ConfigError {
  const plain = said.replaceAll(/\p{C}+/gu, ' ').slice(0, SAID_LENGTH_MAX)
  const words = plain === '' ? `${status}` : `${status}: ${plain}`
  return new ConfigError(
    `Cannot publish to '${target.id}' as ${adviceOf(target, status)} (${words})`,
  )
}

function adviceOf({ id, endpoint }: HubTarget, status: number): string {
  const tokens = `make one that may write at ${endpoint}/settings/tokens, and give it in HF_TOKEN`
  if (status === 401) return `the Hub does not know the token: ${tokens}`
  if (status === 403) return `the token may not write there: ${tokens}`
  if (status === 404) return `the Hub has no such place for this token: check '${id.split('/')[0]}'`
  if (status === 409) return 'another repository, or another commit, was there before this one'
  if (status === 429) return 'the Hub wants fewer requests: wait for an hour'
  if (status >= 300 && status < 400) return 'the repository has another name now: give that'
  return status >= 500 ? 'the Hub has a fault' : 'the Hub refuses it'
}
