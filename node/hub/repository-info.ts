/** What the Hub says of a repository at a revision: its commit, and every file with its hash. */
import { z } from 'zod'
import { ConfigError } from '../../protocol/index.ts'
import { get } from './download.ts'
import type { HubReference } from './reference.ts'
import type { HubSettings } from './settings.ts'

const infoSchema = z.looseObject({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  private: z.boolean().optional(),
  siblings: z
    .array(
      z.looseObject({
        rfilename: z.string().min(1).max(512),
        size: z.number().int().min(0),
        blobId: z.string().regex(/^[0-9a-f]{40}$/),
        lfs: z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
      }),
    )
    .max(100_000),
})
export type RepositoryInfo = z.infer<typeof infoSchema>
export type RepositoryFile = RepositoryInfo['siblings'][number]

const INFO_BYTES_MAX = 64 * 1024 * 1024
const INFO_MS_MAX = 30_000

export function infoAddress(
  { type, id, revision }: HubReference,
  { endpoint }: Pick<HubSettings, 'endpoint'>,
): string {
  return `${endpoint}/api/${type}/${id}/revision/${encodeURIComponent(revision)}`
}

/**
 * A number: the status by which the Hub refuses.
 * @throws ConfigError when the answer is none of the Hub's; Error when it is not reached
 */
export async function repositoryInfo(
  reference: HubReference,
  settings: Pick<HubSettings, 'endpoint' | 'token'>,
): Promise<RepositoryInfo | number> {
  const url = infoAddress(reference, settings)
  const signal = AbortSignal.timeout(INFO_MS_MAX)
  const response = await get(`${url}?blobs=true`, settings.token, {}, signal)
  if (response.ok) return parseInfo(url, await boundedText(response, INFO_BYTES_MAX))
  await response.body?.cancel()
  return response.status
}

/** @throws Error when the answer has more bytes */
export async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of response.body!) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > bytesMax) throw new Error('its answer is too long')
  }
  return text + decoder.decode()
}

function parseInfo(url: string, text: string): RepositoryInfo {
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    // Told below.
  }
  const result = infoSchema.safeParse(value)
  if (result.success && result.data.siblings.every(({ rfilename }) => isInside(rfilename))) {
    return result.data
  }
  throw new ConfigError(`Cannot use the answer of ${url} as it is not what the Hub says of files`)
}

/** No name leads out of the snapshot. */
const isInside = (name: string): boolean =>
  name.split('/').every((part) => part !== '' && !/^\.+$/.test(part)) && !name.includes('\\')
