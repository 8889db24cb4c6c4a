/** Where the receipt of a peer lies, for whoever may join the run: beside what proves it. */
import type { PeerId } from '../../protocol/index.ts'

export const RECEIPTS_FOLDER = 'receipts'

export const receiptPath = (peer: PeerId): string => `${RECEIPTS_FOLDER}/${peer}`
