/** What is said around the bytes of an answer that passes over libp2p. */
import { type Infer, integer, nullable, oneOf, struct, text } from '../../protocol/index.ts'

export const HTTP_PROTOCOL = '/barnraise/http'

const PATH_LENGTH_MAX = 1_024
const HEADER_LENGTH_MAX = 1_024
const BODY_LENGTH_MAX = 8_192
const header = nullable(text(HEADER_LENGTH_MAX))

export const httpQuestion = struct({
  method: oneOf('GET', 'POST'),
  /** It begins with a slash. */
  path: text(PATH_LENGTH_MAX),
  accept: header,
  authorization: header,
  contentType: header,
  lastEventId: header,
  range: header,
  body: nullable(text(BODY_LENGTH_MAX)),
})
export type HttpQuestion = Infer<typeof httpQuestion>

export const httpAnswer = struct({
  status: integer(200, 599),
  contentDisposition: header,
  contentLength: header,
  contentRange: header,
  contentType: header,
})
export type HttpAnswer = Infer<typeof httpAnswer>
