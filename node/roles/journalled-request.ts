/**
 * A request as the journal gets it, which anybody may read one day: without the token, and without
 * the addresses and paths that a volunteer's machine may have put into its reasons.
 */
import type { KnownRequest } from '../../coordinator/index.ts'
import type { Request } from '../../protocol/index.ts'

export function journalled(request: Request): KnownRequest {
  switch (request.type) {
    case 'join': {
      const { token: _, ...known } = request
      return known
    }
    case 'fail':
    case 'leave':
      return { ...request, reason: withoutPlaces(request.reason) }
    default:
      return request
  }
}

const ADDRESS = '(an address)'
const PATH = '(a path)'
/** The first that fits takes the text: a multiaddr is no path. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/\b\w+:\/\/[^\s'"]+/g, ADDRESS],
  [/\/(?:ip[46]|dns(?:addr|[46])?)\/[^\s'",]+/g, ADDRESS],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, ADDRESS],
  [/\[?(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\]?(?::\d{1,5})?/gi, ADDRESS],
  [/(?:\b[a-z]:|~|\.{1,2})?(?:[\\/][^\s\\/'",:]+){2,}/gi, PATH],
]

export function withoutPlaces(text: string): string {
  return PLACES.reduce((rest, [pattern, word]) => rest.replace(pattern, word), text)
}
