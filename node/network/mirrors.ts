/**
 * Mirrors: addresses of the web at which the base of a run lies, beside its coordinator. Anybody
 * may keep one, as what comes from it is known by its hashes. The coordinator tells volunteers of
 * those that its run.yaml names; they are no part of a RunConfig, since they move while it goes on.
 */
import { type Digest, MIRROR_LENGTH_MAX } from '../../protocol/index.ts'
import { isSecure } from '../secure-address.ts'

/** What is wrong with the address of a mirror, after 'must be'; null: nothing. */
export function mirrorFault(mirror: string): string | null {
  if (mirror.length > MIRROR_LENGTH_MAX) return `of at most ${MIRROR_LENGTH_MAX} characters`
  const url = URL.canParse(mirror) ? new URL(mirror) : null
  if (url === null || !isSecure(url)) return 'an https address'
  if (url.username !== '' || url.password !== '') return 'an address without a password'
  const file = fileOfPage(url)
  return file === null ? null : `the address of the file, not of its page on the Hub: ${file}`
}

/** The address of a file whose page on the Hub this is; null: it is no such page. */
function fileOfPage(page: URL): string | null {
  if (!/^(www\.)?(huggingface\.co|hf\.co)$/.test(page.hostname)) return null
  const path = page.pathname.replace(/^(\/[^/]+\/[^/]+)\/blob\//, '$1/resolve/')
  return path === page.pathname ? null : `${page.origin}${path}`
}

/**
 * Where the base is at a mirror: the address itself where it ends in the digest, in `.safetensors`
 * or in `.gguf`, as files of models do, else ADDRESS/DIGEST.
 */
export function addressIn(mirror: string, digest: Digest): string {
  const url = new URL(mirror)
  url.hash = ''
  const isFile = /\.(safetensors|gguf)$/.test(url.pathname) || url.pathname.endsWith(`/${digest}`)
  if (!isFile) url.pathname = `${url.pathname.replace(/\/+$/, '')}/${digest}`
  return url.href
}
