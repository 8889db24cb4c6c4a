/** What can be wrong with a model, a tokenizer or an adapter that somebody hands us. */
import { ConfigError } from '../../protocol/index.ts'

export type ModelErrorCode =
  /** A file or a tensor is not there. */
  | 'missing'
  /** The bytes are not what the format's specification says. */
  | 'malformed'
  /** A sound model of a kind that we cannot train or run. */
  | 'unsupported'
  /** Sound, but made for another base model. */
  | 'other-base'

/** The operator's model cannot be used; the message says which file or field, and what to do. */
export class ModelError extends ConfigError {
  override name = 'ModelError'
  readonly code: ModelErrorCode

  constructor(code: ModelErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
