/**
 * A model repository of the Hub that files go to, by the Hub's own library. They go as Git LFS
 * takes them, whole and by SHA-256: what the Hub has already is not sent again.
 * Source: Hugging Face, "Backward Compatibility with LFS".
 */
import { pathToFileURL } from 'node:url'
import { commit, createRepo, whoAmI } from '@huggingface/hub'
import { ConfigError } from '../../protocol/index.ts'
import { isSecure } from '../secure-address.ts'
import { get, hashOf } from './download.ts'
import { type HubReference, parseReference } from './reference.ts'
import { boundedText, type RepositoryFile, repositoryInfo } from './repository-info.ts'
import type { HubSettings } from './settings.ts'
import { type HubTarget, statusError, uploadError } from './upload-error.ts'
import { uploadFetch } from './upload-fetch.ts'

export interface HubFile {
  /** Its name in the repository. */
  path: string
  /** Where it is on this machine. */
  source: string
  bytes: number
}

/** What a repository holds, by the names of its files. */
export interface FoundRepository {
  commit: string
  isPrivate: boolean
  files: ReadonlyMap<string, RepositoryFile>
}

const CARD_BYTES_MAX = 4 * 1024 * 1024
const CARD_MS_MAX = 30_000
const TOKEN_PATTERN = /^hf_\w+$/
const VISIBILITY = { visibility: 'private' } as const

/** @throws ConfigError for what no upload can come of, before anything is asked */
export function hubTarget(name: string, settings: HubSettings): HubTarget {
  const { endpoint, token, isOffline } = settings
  const cannot = `Cannot publish to '${name}' as`
  if (parseReference(name, 'models')?.id !== name) {
    throw new ConfigError(`${cannot} the name of a repository must be of the form org/name`)
  }
  if (isOffline) throw new ConfigError(`${cannot} HF_HUB_OFFLINE is set: take it away`)
  if (!URL.canParse(endpoint) || !isSecure(new URL(endpoint))) {
    throw new ConfigError(
      `${cannot} HF_ENDPOINT must be an https address: current value is ${endpoint}`,
    )
  }
  const where =
    `make one that may write at ${endpoint}/settings/tokens, and give it in HF_TOKEN, in the ` +
    'file that HF_TOKEN_PATH names, or by `hf auth login`'
  if (token === null) throw new ConfigError(`${cannot} there is no token of the Hub: ${where}`)
  if (!TOKEN_PATTERN.test(token)) {
    throw new ConfigError(
      `${cannot} a token of the Hub begins with 'hf_', and this one does not: ${where}`,
    )
  }
  return { id: name, endpoint, token }
}

/** @throws ConfigError when the Hub does not know the token, or it may only read */
export async function checkToken(target: HubTarget): Promise<void> {
  const { auth } = await byLibrary(target, whoAmI)
  if (auth.accessToken?.role === 'read') throw statusError(target, 403, 'it may only read')
}

/** Null: there is none of that name. @throws ConfigError */
export async function findRepository(target: HubTarget): Promise<FoundRepository | null> {
  const info = await asked(target, () => repositoryInfo(reference(target), target))
  if (info === 404) return null
  if (typeof info === 'number') throw statusError(target, info)
  const files = new Map(info.siblings.map((file) => [file.rfilename, file]))
  return { commit: info.sha, isPrivate: info.private === true, files }
}

/** @param isPrivate else it is as its organisation says, which mostly is public */
export async function makeRepository(target: HubTarget, isPrivate: boolean): Promise<void> {
  const repository = Object.assign({ repo: target.id }, isPrivate ? VISIBILITY : {})
  await byLibrary(target, (access) => createRepo(Object.assign(access, repository)))
}

/** A text of the repository, as it is at the commit. @throws ConfigError */
export async function readText(target: HubTarget, commit: string, path: string): Promise<string> {
  const url = `${target.endpoint}/${target.id}/resolve/${commit}/${path}`
  return asked(target, async () => {
    const response = await get(url, target.token, {}, AbortSignal.timeout(CARD_MS_MAX))
    if (!response.ok) throw statusError(target, response.status)
    return boundedText(response, CARD_BYTES_MAX)
  })
}

/** Whether the repository has the file as it is here. */
export async function isSame(found: RepositoryFile | undefined, file: HubFile): Promise<boolean> {
  if (found?.size !== file.bytes) return false
  const { lfs, blobId } = found
  const type = lfs ? 'sha256' : 'git'
  return (await hashOf(file.source, type, file.bytes)) === (lfs?.sha256 ?? blobId)
}

export interface HubCommit {
  title: string
  files: readonly HubFile[]
  /** Names of what is taken away. */
  removed: readonly string[]
}

/**
 * Uploads what the Hub has not, then commits all of it at once. Returns the commit.
 * @param onBytes hears of bytes of files as they go; below 0: they have to go again
 */
export async function commitFiles(
  target: HubTarget,
  { title, files, removed }: HubCommit,
  onBytes: (moved: number) => void,
): Promise<string> {
  const operations = [
    ...files.map(({ path, source }) => {
      return { operation: 'addOrUpdate' as const, path, content: pathToFileURL(source) }
    }),
    ...removed.map((path) => ({ operation: 'delete' as const, path })),
  ]
  const options = { repo: target.id, title, operations, useXet: false }
  const run = (access: Access) => commit(Object.assign(access, options))
  const done = await byLibrary(target, run, onBytes)
  if (done === undefined) throw new Error('a model repository has commits')
  return done.commit.oid
}

const reference = ({ id }: HubTarget): HubReference => ({
  type: 'models',
  id,
  revision: 'main',
  file: null,
})

/** How the library gets to the Hub. */
interface Access {
  accessToken: string
  hubUrl: string
  fetch: typeof fetch
}

/**
 * What the library does, up to the first failure: it forgets one that comes while its events are
 * not read yet, and waits for ever (`eventToGenerator` of 2.17.5).
 */
async function byLibrary<T>(
  target: HubTarget,
  run: (access: Access) => Promise<T>,
  onBytes: (moved: number) => void = () => {},
): Promise<T> {
  const end = new AbortController()
  const { endpoint: hubUrl, token: accessToken } = target
  const running = new Promise<T>((resolve, reject) => {
    const fetch = uploadFetch(target, { onBytes, onFailure: reject }, end.signal)
    run({ accessToken, hubUrl, fetch }).then(resolve, reject)
  })
  return asked(target, () => running).finally(() => end.abort())
}

async function asked<T>(target: HubTarget, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw uploadError(target, error)
  }
}
