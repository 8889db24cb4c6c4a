/** How the Hub is reached, from the variables that its own tools go by. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface HubSettings {
  /** The Hub's address, without a slash at its end. */
  endpoint: string
  token: string | null
  /** The folder that Python's library keeps, too. */
  cache: string
  isOffline: boolean
}

/**
 * Source: huggingface_hub, "Environment variables".
 * @param home the user's folder
 */
export async function hubSettings(
  variables: Readonly<Record<string, string | undefined>>,
  home: string,
): Promise<HubSettings> {
  const given = (name: string) => variables[name]?.trim() || undefined
  const cacheHome = given('XDG_CACHE_HOME') ?? join(home, '.cache')
  const root = given('HF_HOME') ?? join(cacheHome, 'huggingface')
  const tokenFile = given('HF_TOKEN_PATH') ?? join(root, 'token')
  return {
    endpoint: (given('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    token: given('HF_TOKEN') ?? (await firstLine(tokenFile)),
    cache: given('HF_HUB_CACHE') ?? join(root, 'hub'),
    isOffline: /^(1|true|yes|on)$/i.test(given('HF_HUB_OFFLINE') ?? ''),
  }
}

async function firstLine(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trim() || null
}
