/** Where a run is to be checked: a folder, an address, or a link, as a user writes it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { AT, parseFragment, parseLink } from '../network/link.ts'
import { runPages } from '../network/run-pages.ts'
import { folderPlace } from '../run/folder-place.ts'
import type { Place } from '../run/place.ts'
import { INDEX_FILE } from '../run/publication.ts'
import { type RunFolder, runFolder } from '../run/run-folder.ts'
import type { Trusted } from '../run/verify.ts'
import { webPlace } from '../run/web-place.ts'

export interface EvidenceAt {
  from: { type: 'folder'; folder: RunFolder } | { type: 'place'; place: Place }
  /** What the words that the user gave tell of the run. */
  trusted: Trusted
  /** Gives back what reading it took. */
  close(): Promise<void>
}

/** It lies below the address of the pages of a coordinator. */
const PROOF = 'proof/'
const NOTHING: Trusted = { run: null, coordinator: null }
const nothingOpen = async (): Promise<void> => {}

/** @throws ConfigError */
export function evidenceAt(where: string): EvidenceAt {
  if (/^https?:/i.test(where)) return atAddress(where)
  if (/^(barnraise:|\/(ip[46]|dns[46]?)\/)/.test(where)) {
    return atPages(where, where.split('#')[1] ?? '', parseLink(where).coordinator)
  }
  if (!existsSync(where)) {
    throw new ConfigError(
      `Cannot verify '${where}' as there is no such file or folder: give the folder of a run, ` +
        'what was published of it, its address or link, or a receipt',
    )
  }
  if (!existsSync(join(where, INDEX_FILE))) {
    return {
      from: { type: 'folder', folder: runFolder(where) },
      trusted: NOTHING,
      close: nothingOpen,
    }
  }
  return {
    from: { type: 'place', place: folderPlace(where) },
    trusted: NOTHING,
    close: nothingOpen,
  }
}

function atAddress(where: string): EvidenceAt {
  if (!URL.canParse(where)) throw new ConfigError(`Cannot verify '${where}' as it is no address`)
  const url = new URL(where)
  const words = new URLSearchParams(url.hash.slice(1))
  const joinWord = words.get('join')
  if (joinWord !== null) return atPages(where, joinWord, words.get(AT))
  const place = webPlace(ofRepository(url))
  return { from: { type: 'place', place }, trusted: NOTHING, close: nothingOpen }
}

/** What a coordinator tells those who may join. */
function atPages(where: string, joinWord: string, coordinator: string | null): EvidenceAt {
  const { run } = parseFragment(joinWord)
  const headers = { Authorization: `Bearer ${joinWord}` }
  const { address, ask, stop } = runPages(where)
  const place = webPlace(new URL(PROOF, address), { headers, fetch: ask })
  return { from: { type: 'place', place }, trusted: { run, coordinator }, close: stop }
}

/** A dataset repository of the Hub has its files elsewhere than its page. */
function ofRepository(url: URL): URL {
  const [, name] = /^\/datasets\/([^/]+\/[^/]+)\/?(?:tree\/main\/?)?$/.exec(url.pathname) ?? []
  const isRepository = url.hostname === 'huggingface.co' && name !== undefined
  return isRepository ? new URL(`/datasets/${name}/resolve/main/`, url) : url
}
