/** What comes of a lease, and names for what is not made of bytes. */
import { type Contribution, type Digest, digestOf, utf8ToBytes } from '../protocol/index.ts'

export type WorkDone = Pick<Contribution, 'tokens' | 'loss' | 'trace' | 'payload'>

export const digestOfText = (text: string): Digest => digestOf(utf8ToBytes(text))
