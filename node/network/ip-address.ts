/** An IP address in a message. It becomes part of what is dialled, so it is nothing else. */
import { isIP } from 'node:net'
import { ProtocolError, type Schema, text } from '../../protocol/index.ts'

const ADDRESS_LENGTH_MAX = 64
const anyText = text(ADDRESS_LENGTH_MAX)

export const ipAddress: Schema<string> = (value, path) => {
  const given = anyText(value, path)
  if (isIP(given) !== 0) return given
  throw new ProtocolError('malformed', `'${path}' must be an IP address`)
}
